import Tensors
import ViT

extension SegmentationTaps: Bounded {
    /// The first option out of bounds, as a clause; nil if all are valid.
    public var fault: String? {
        features.fault ?? binning.fault
            ?? (features.facet.hasVectors
                ? nil : "\(features.facet.rawValue) cannot be segmented")
    }
}

extension Binning: Bounded {
    /// The last level reaches 3^11 cells, beyond every grid.
    package static let hierarchies = Bound("binning hierarchy", 1...12)

    /// What is wrong with the hierarchy, as a clause; nil if it is valid.
    public var fault: String? {
        guard case .logarithmic(let hierarchy) = self else { return nil }
        return Self.hierarchies.fault(hierarchy)
    }
}

extension SaliencyMap {
    package static let heads = Bound(
        "head", 0...VisionTransformer.Configuration.Bounds.heads.range.upperBound - 1)
    /// Saliency lies in 0…1; thresholds beyond that select everything or nothing.
    package static let thresholds = Bound("saliency threshold", Float(-1000)...1000)

    static func fault(ofHeads heads: [Int]?) -> String? {
        guard let heads else { return nil }
        return heads.isEmpty
            ? "no saliency heads are given" : heads.lazy.compactMap { Self.heads.fault($0) }.first
    }
}

extension DescriptorClustering: Bounded {
    package enum Bounds {
        /// The upper limit exceeds a picture's descriptors; it selects only the first of each picture.
        package static let sampleInterval = Bound("sample interval", 1...1 << 20)
        /// k-means runs for each number of clusters from 1 on; labels have 8 bits.
        package static let mostClusters = Bound("most clusters", 1...255)
        package static let restarts = Bound("runs of k-means", 1...1000)
        package static let iterations = Bound("iterations of k-means", 1...100_000)
        /// At 0 no cluster is added after the second; above 1 all are.
        package static let elbow = Bound("elbow", 0.0...2)
    }

    /// The first option out of bounds, as a clause; nil if all are valid.
    public var fault: String? {
        firstFault(
            Bounds.sampleInterval.fault(sampleInterval), Bounds.mostClusters.fault(mostClusters),
            Bounds.restarts.fault(restarts), Bounds.iterations.fault(iterations))
    }
}

extension CoSegmentation.Options: Bounded {
    package enum Bounds {
        package static let votePercentage = Bound("votes in per cent", 0...100)
        /// A cosine; below -1 no picture is an outlier, above 1 all are.
        package static let outlierThreshold = Bound("outlier threshold", Float(-2)...2)
    }

    /// The first option out of bounds, as a clause; nil if all are valid.
    public var fault: String? {
        firstFault(
            taps.fault, clustering.fault, DescriptorClustering.Bounds.elbow.fault(elbow),
            SaliencyMap.thresholds.fault(threshold), Bounds.votePercentage.fault(votePercentage),
            Bounds.outlierThreshold.fault(outlierThreshold), refinement?.fault)
    }
}

extension PartCoSegmentation.Options: Bounded {
    package enum Bounds {
        /// Labels have 8 bits, and one is the background's.
        package static let parts = Bound("number of parts", 1...255)
        /// Each costs two passes through the network per picture.
        package static let crops = Bound("crops of a picture", 0...1000)
    }

    /// The first option out of bounds, as a clause; nil if all are valid.
    public var fault: String? {
        var elbow: Double?
        if case .three(let factor) = stages { elbow = factor }
        return firstFault(
            foreground.fault, Bounds.parts.fault(parts), Bounds.crops.fault(crops),
            DescriptorClustering.Bounds.elbow.fault(elbow), refinement?.fault)
    }
}
