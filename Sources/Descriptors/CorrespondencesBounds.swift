import Tensors
import ViT

extension Correspondences.Options: Bounded {
    /// The upper limit exceeds the number of patches of any picture.
    package static let pairCounts = Bound("number of pairs", 1...1 << 20)

    /// The first option out of bounds, as a clause; nil if all are valid.
    public var fault: String? {
        firstFault(
            FeatureTap.layers.fault(layer), stride?.fault, Preprocessing.loadSizes.fault(loadSize),
            binning.fault, SaliencyMap.fault(ofHeads: saliencyHeads),
            SaliencyMap.thresholds.fault(threshold), Self.pairCounts.fault(pairs),
            DescriptorClustering.Bounds.restarts.fault(restarts),
            DescriptorClustering.Bounds.iterations.fault(iterations))
    }
}
