import Platform
import Tensors
import ViT

/// How much of an image's foreground each patch is, from 0 to 1.
public struct SaliencyMap: Sendable {
    /// `[rows, columns]`.
    public let values: Tensor

    /// Wraps values that were computed elsewhere.
    ///
    /// - Precondition: `values` is `[rows, columns]`.
    public init(values: Tensor) {
        require(values.shape.rank == 2, "SaliencyMap: values \(values.shape)")
        self.values = values
    }

    /// The mean over heads of the attention that the class token pays to each patch, scaled so that
    /// the image's least becomes 0 and its greatest 1 (dino-vit-features, extractor.py,
    /// `extract_saliency_maps`). Where all patches have the same, all are 0.
    ///
    /// - Parameters:
    ///   - layer: the layer whose attention is read; the reference reads the last.
    ///   - image: which image of the batch.
    ///   - heads: the heads to average; at first `defaultHeads`.
    /// - Precondition: the features hold the layer's class attention; the image is in the batch;
    ///   there is at least one head and each is the layer's.
    public init(_ features: Features, layer: Int = -1, image: Int = 0, heads: [Int]? = nil) {
        let attention = features.classAttention(inLayer: layer, image: image)
        let heads = heads ?? SaliencyMap.defaultHeads(of: features.configuration)
        require(
            !heads.isEmpty && heads.allSatisfy { 0..<features.heads ~= $0 },
            "SaliencyMap: heads \(heads) of class attention \(attention.shape)")
        var means = [Float](repeating: 0, count: features.grid.count)
        attention.withUnsafeElements { attention in
            for head in heads {
                let start = head * means.count
                for index in means.indices { means[index] += attention[start + index] }
            }
        }
        for index in means.indices { means[index] /= Float(heads.count) }
        let least = means.min() ?? 0
        let range = (means.max() ?? 0) - least
        self.init(
            values: Tensor(
                means.map { range > 0 ? ($0 - least) / range : 0 },
                shape: [features.grid.rows, features.grid.columns]))
    }

    /// The heads 0, 2, 4 and 5 of DINO's networks with six, which the reference found to follow objects in its
    /// ViT-S; of any other network all.
    public static func defaultHeads(of network: VisionTransformer.Configuration) -> [Int] {
        network.heads == 6 && network.isOfDINO ? [0, 2, 4, 5] : Array(0..<network.heads)
    }
}

extension FeatureTap {
    /// What saliency is made of.
    package static let saliency = FeatureTap(layer: -1, facet: .classAttention)
}
