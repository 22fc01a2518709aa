import Tensors
import ViT

extension SegmentationTaps: Bounded {
    public var fault: String? {
        let single = firstFault(
            FeatureTap.layers.fault(layer), stride?.fault, Preprocessing.loadSizes.fault(loadSize),
            binning.fault, SaliencyMap.fault(ofHeads: saliencyHeads))
        if let single { return single }
        return facet.isAttention ? "class attention makes no descriptors" : nil
    }
}

extension Binning: Bounded {
    /// The last level reaches 3^11 cells, beyond every grid.
    package static let hierarchies = Bound("binning hierarchy", 1...12)

    public var fault: String? {
        guard case .logarithmic(let hierarchy) = self else { return nil }
        return Self.hierarchies.fault(hierarchy)
    }
}

extension SaliencyMap {
    package static let heads = Bound(
        "head", 0...VisionTransformer.Configuration.Bounds.heads.range.upperBound - 1)
    /// Saliency lies in 0…1; beyond it thresholds take all or none.
    package static let thresholds = Bound("saliency threshold", Float(-1000)...1000)

    static func fault(ofHeads heads: [Int]?) -> String? {
        guard let heads else { return nil }
        return heads.isEmpty
            ? "no head makes the saliency" : heads.lazy.compactMap { Self.heads.fault($0) }.first
    }
}

extension DescriptorClustering: Bounded {
    package enum Bounds {
        /// More than a picture has descriptors: then the first alone is taken of each.
        package static let sampleInterval = Bound("sample interval", 1...1 << 20)
        /// k-means is run for each number from 1 on; the labels of a picture have 8 bits.
        package static let mostClusters = Bound("most clusters", 1...255)
        package static let restarts = Bound("runs of k-means", 1...1000)
        package static let iterations = Bound("iterations of k-means", 1...100_000)
        /// A fraction: at 0 no cluster is added after the second, and beyond 1 all are.
        package static let elbow = Bound("elbow", 0.0...2)
    }

    public var fault: String? {
        firstFault(
            Bounds.sampleInterval.fault(sampleInterval), Bounds.mostClusters.fault(mostClusters),
            Bounds.restarts.fault(restarts), Bounds.iterations.fault(iterations))
    }
}

extension CoSegmentation.Options: Bounded {
    package enum Bounds {
        package static let votePercentage = Bound("votes in per cent", 0...100)
        /// A cosine; beyond -1...1 no picture is an outlier, or each.
        package static let outlierThreshold = Bound("outlier threshold", Float(-2)...2)
    }

    public var fault: String? {
        firstFault(
            taps.fault, clustering.fault, DescriptorClustering.Bounds.elbow.fault(elbow),
            SaliencyMap.thresholds.fault(threshold), Bounds.votePercentage.fault(votePercentage),
            Bounds.outlierThreshold.fault(outlierThreshold), refinement?.fault)
    }
}

extension PartCoSegmentation.Options: Bounded {
    package enum Bounds {
        /// The labels of a picture of 8 bits, but for the background's.
        package static let parts = Bound("number of parts", 1...255)
        /// Each goes through the network twice for every picture.
        package static let crops = Bound("crops of a picture", 0...1000)
    }

    public var fault: String? {
        var elbow: Double?
        if case .three(let factor) = stages { elbow = factor }
        return firstFault(
            foreground.fault, Bounds.parts.fault(parts), Bounds.crops.fault(crops),
            DescriptorClustering.Bounds.elbow.fault(elbow), refinement?.fault)
    }
}
