import Platform
import Tensors
import ViT

/// The saliency of an image's patches, from 0 (background) to 1 (foreground).
public struct SaliencyMap: Sendable {
    /// `[rows, columns]`.
    public let values: Tensor
    /// The mean saliency above which a part of the image is foreground.
    public let threshold: Float

    /// The threshold of dino-vit-features (cosegmentation.py, `thresh`).
    public static let usualThreshold: Float = 0.065

    /// Wraps values that were computed elsewhere.
    ///
    /// - Precondition: `values` is `[rows, columns]`.
    public init(values: Tensor, threshold: Float = SaliencyMap.usualThreshold) {
        require(values.shape.rank == 2, "SaliencyMap: values \(values.shape)")
        self.values = values
        self.threshold = threshold
    }

    /// Averages the class token's attention to each patch over heads and scales it so that the image's
    /// minimum becomes 0 and its maximum 1 (dino-vit-features, extractor.py, `extract_saliency_maps`).
    /// All values are 0 if all patches have the same attention.
    ///
    /// - Parameters:
    ///   - features: the result of a forward pass.
    ///   - layer: the layer whose attention is read; the reference reads the last.
    ///   - image: index of the image in the batch.
    ///   - heads: the heads to average; by default `defaultHeads`.
    /// - Precondition: the features hold the layer's class attention; the image is in the batch;
    ///   there is at least one head, and the layer has each of them.
    public init(_ features: Features, layer: Int = -1, image: Int = 0, heads: [Int]? = nil) {
        let attention = features.classAttention(inLayer: layer, image: image)
        let heads = heads ?? SaliencyMap.defaultHeads(of: features.configuration)
        require(
            !heads.isEmpty && heads.allSatisfy { 0..<features.heads ~= $0 },
            "SaliencyMap: heads \(heads) for class attention \(attention.shape)")
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
                shape: [features.grid.rows, features.grid.columns]),
            threshold: features.configuration.saliencyThreshold ?? Self.usualThreshold)
    }

    /// The heads averaged by default: 0, 2, 4 and 5 for DINO's networks with six heads, which follow
    /// objects in ViT-S according to the reference; all heads for any other network.
    public static func defaultHeads(of network: VisionTransformer.Configuration) -> [Int] {
        network.heads == 6 && network.isOfDINO ? [0, 2, 4, 5] : Array(0..<network.heads)
    }
}

extension FeatureTap {
    /// The features that saliency is computed from.
    package static let saliency = FeatureTap(layer: -1, facet: .classAttention)
}
