import Tensors

extension Correspondences.Options: Bounded {
    /// The upper limit exceeds the number of patches of any picture.
    package static let pairCounts = Bound("number of pairs", 1...1 << 20)

    /// The first option out of bounds, as a clause; nil if all are valid.
    public var fault: String? {
        firstFault(
            features.fault, binning.fault, SaliencyMap.thresholds.fault(threshold),
            Self.pairCounts.fault(pairs),
            DescriptorClustering.Bounds.restarts.fault(restarts),
            DescriptorClustering.Bounds.iterations.fault(iterations))
    }
}
