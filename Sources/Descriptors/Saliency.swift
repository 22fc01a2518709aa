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
    public init(_ features: Features, layer: Int, image: Int = 0, heads: [Int]? = nil) {
        let attention = features[FeatureTap(layer: layer, facet: .classAttention)]
        let shape = attention.shape
        require(
            shape.rank == 3 && shape[2] == 1 + features.grid.count && image >= 0
                && image < shape[0],
            "SaliencyMap: no image \(image) in class attention \(shape)")
        let heads = heads ?? SaliencyMap.defaultHeads(of: shape[1])
        require(
            !heads.isEmpty && heads.allSatisfy { 0 <= $0 && $0 < shape[1] },
            "SaliencyMap: heads \(heads) of class attention \(shape)")
        var means = [Float](repeating: 0, count: features.grid.count)
        attention.withUnsafeElements { attention in
            for head in heads {
                // The class token's attention to itself comes first and is left out.
                let start = (image * shape[1] + head) * shape[2] + 1
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

    /// The heads 0, 2, 4 and 5 of six, which the reference found to follow objects in ViT-S; of any
    /// other number all.
    public static func defaultHeads(of count: Int) -> [Int] {
        count == 6 ? [0, 2, 4, 5] : Array(0..<count)
    }
}
