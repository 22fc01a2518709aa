import Tensors

extension DINOHead.Options: Bounded {
    /// The ranges of valid values.
    package enum Bounds {
        /// Sixteen times the reference's 65,536: with a bottleneck of 256 each copy of the last layer takes 1 GiB,
        /// and training keeps five.
        package static let prototypes = Bound("number of outputs", 2...1 << 20)
        /// The reference has 3.
        package static let layers = Bound("layers of the head", 1...64)
        /// The reference has 2,048.
        package static let hiddenWidth = Bound("hidden width of the head", 1...1 << 16)
        /// The reference has 256.
        package static let bottleneckWidth = Bound("bottleneck of the head", 1...1 << 16)
    }

    /// A message about the first value that is out of bounds; nil if all are valid.
    public var fault: String? {
        firstFault(
            Bounds.prototypes.fault(prototypes), Bounds.layers.fault(layers),
            Bounds.hiddenWidth.fault(hiddenWidth), Bounds.bottleneckWidth.fault(bottleneckWidth))
    }

    /// The number of parameters of a head for embeddings of the given width.
    ///
    /// - Precondition: every value is within its bounds, so that nothing overflows.
    func parameterCount(inputWidth: Int) -> Int {
        parameterShapes { DINOHead(inputWidth: inputWidth, options: self, from: $0) }
            .reduce(0) { $0 + $1.shape.count }
    }
}
