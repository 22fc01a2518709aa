import Tensors

extension DenseCRF: Bounded {
    package enum Bounds {
        /// Beliefs settle within some tens.
        package static let iterations = Bound("iterations of the CRF", 0...1000)
        /// Less than a hundredth of a pixel or of a level makes more vertices than can be counted; the
        /// most is wider than a picture.
        package static let deviation = Bound("deviation of the CRF", Float(0.01)...1e5)
        /// Negative log-probabilities are some tens: at the most the kernel alone decides.
        package static let weight = Bound("weight of the CRF", Float(0)...1e6)
    }

    public var fault: String? {
        firstFault(
            Bounds.iterations.fault(iterations), Bounds.deviation.fault(gaussianDeviation),
            Bounds.deviation.fault(bilateralDeviation), Bounds.deviation.fault(colourDeviation),
            Bounds.weight.fault(gaussianWeight), Bounds.weight.fault(bilateralWeight))
    }
}

extension GrabCut: Bounded {
    package enum Bounds {
        /// Labels settle within ten or so.
        package static let iterations = Bound("iterations of GrabCut", 1...1000)
        /// The paper has 5.
        package static let components = Bound("components of GrabCut", 1...64)
        /// What the cut's 32-bit capacities have room for.
        package static let smoothness = Bound("smoothness of GrabCut", 0.0...100)
    }

    public var fault: String? {
        firstFault(
            Bounds.iterations.fault(iterations), Bounds.components.fault(components),
            Bounds.smoothness.fault(smoothness))
    }
}
