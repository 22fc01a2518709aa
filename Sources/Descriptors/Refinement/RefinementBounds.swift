import Tensors

extension DenseCRF: Bounded {
    package enum Bounds {
        /// Beliefs converge within a few tens of iterations.
        package static let iterations = Bound("iterations of the CRF", 0...1000)
        /// Below half a pixel a kernel relates each pixel to itself alone; the upper limit is wider than a picture.
        package static let deviation = Bound("deviation of the CRF", Float(0.5)...1e5)
        /// Below one level a kernel relates equal colours alone. With both lower limits the lattice's vertices fit their
        /// integers (`LatticePacking`) for pictures of up to 2^25 pixels: 31 bits for the colours, 31 for the places.
        package static let colourDeviation = Bound("colour deviation of the CRF", Float(1)...1e5)
        /// Negative log-probabilities are in the tens; at the upper limit the kernel outweighs them entirely.
        package static let weight = Bound("weight of the CRF", Float(0)...1e6)
    }

    /// The first option out of bounds, as a clause; nil if all are valid.
    public var fault: String? {
        firstFault(
            Bounds.iterations.fault(iterations), Bounds.deviation.fault(gaussianDeviation),
            Bounds.deviation.fault(bilateralDeviation),
            Bounds.colourDeviation.fault(colourDeviation),
            Bounds.weight.fault(gaussianWeight), Bounds.weight.fault(bilateralWeight))
    }
}

extension GrabCut: Bounded {
    package enum Bounds {
        /// Labels converge within about ten iterations.
        package static let iterations = Bound("iterations of GrabCut", 1...1000)
        /// The paper uses 5.
        package static let components = Bound("components of GrabCut", 1...64)
        /// The upper limit is set by the cut's 32-bit capacities.
        package static let smoothness = Bound("smoothness of GrabCut", 0.0...100)
    }

    /// The first option out of bounds, as a clause; nil if all are valid.
    public var fault: String? {
        firstFault(
            Bounds.iterations.fault(iterations), Bounds.components.fault(components),
            Bounds.smoothness.fault(smoothness))
    }
}
