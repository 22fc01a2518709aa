import Platform
import Tensors
import ViT

/// The features that an evaluation extracts from a frozen network: the class tokens of the last blocks after the
/// final norm, concatenated, optionally followed by the mean of the last block's patch tokens (eval_linear.py).
public struct FrozenEmbedding: Hashable, Sendable, Codable {
    /// The number of last blocks: 1 for k-NN (the network's own output); for the linear probe 4 with a ViT-S, 1
    /// with a ViT-B (eval_linear.py).
    public var lastBlocks: Int
    /// Whether the mean of the last block's patch tokens, after the final norm, is appended: so for a ViT-B in
    /// eval_linear.py. (There its channels alternate with the class token's, which makes no difference to a linear
    /// classifier, and only one block is used.)
    public var averagesPatches: Bool

    /// Creates an embedding.
    ///
    /// - Parameters:
    ///   - lastBlocks: the number of last blocks whose class tokens are used.
    ///   - averagesPatches: whether the mean of the last block's patch tokens is appended.
    /// - Precondition: `lastBlocks` is at least 1.
    public init(lastBlocks: Int = 1, averagesPatches: Bool = false) {
        require(lastBlocks >= 1, "FrozenEmbedding: \(lastBlocks) blocks")
        self.lastBlocks = lastBlocks
        self.averagesPatches = averagesPatches
    }

    /// The number of channels of an embedding.
    public func width(of network: any Backbone) -> Int {
        network.configuration.width * (lastBlocks + (averagesPatches ? 1 : 0))
    }

    /// Computes the embeddings of images.
    ///
    /// - Parameters:
    ///   - network: the frozen network.
    ///   - images: `[batch, 3, height, width]`, normalised.
    /// - Returns: `[batch, width(of: network)]`.
    /// - Precondition: the network has at least `lastBlocks` blocks.
    public func callAsFunction(_ network: any Backbone, _ images: Tensor) -> Tensor {
        let depth = network.configuration.depth
        require(
            lastBlocks <= depth, "FrozenEmbedding: \(lastBlocks) blocks of \(depth)")
        var taps = (-lastBlocks..<0).map { FeatureTap(layer: $0, facet: .embedding) }
        if averagesPatches { taps.append(.patchTokens) }
        let features = network.features(of: images, at: taps, stride: nil)
        return joinedColumns(
            taps.map {
                $0 == .patchTokens
                    ? features[$0].means(of: features.layout.patches) : features[$0]
            })
    }
}

extension Tensor {
    /// The mean over a range of each sample's rows: `[batch, width]` from `[batch, rows, width]`.
    fileprivate func means(of range: Range<Int>) -> Tensor {
        let (rows, width) = (shape[1], shape[2])
        var means = Tensor(repeating: 0, shape: [shape[0], width])
        withUnsafeElements { elements in
            means.withUnsafeMutableElements { means in
                for sample in 0..<shape[0] {
                    for channel in 0..<width {
                        let column = sample * rows * width + channel
                        let sum = range.reduce(0.0) {
                            $0 + Double(elements[column + $1 * width])
                        }
                        means[sample * width + channel] = Float(sum / Double(range.count))
                    }
                }
            }
        }
        return means
    }
}

/// Joins matrices with equally many rows side by side.
private func joinedColumns(_ parts: [Tensor]) -> Tensor {
    guard parts.count > 1 else { return parts[0] }
    let rows = parts[0].shape[0]
    let width = parts.reduce(0) { $0 + $1.shape[1] }
    return Tensor(shape: [rows, width]) { target in
        var first = 0
        for part in parts {
            let columns = part.shape[1]
            part.withUnsafeElements { elements in
                for row in 0..<rows {
                    for column in 0..<columns {
                        target[row * width + first + column] = elements[row * columns + column]
                    }
                }
            }
            first += columns
        }
    }
}
