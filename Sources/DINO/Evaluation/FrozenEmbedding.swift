import Images
import Platform
import Tensors
import ViT

/// What an evaluation takes of a network that it does not change: the class token of the last blocks
/// after the last norm, one after the other, and if wished the mean of the last block's patches
/// (eval_linear.py).
public struct FrozenEmbedding: Hashable, Sendable, Codable {
    /// How many of the last blocks: 1 for k-NN (the network's own output), 4 for the linear probe of a
    /// ViT-S, 1 of a ViT-B (eval_linear.py).
    public var lastBlocks: Int
    /// Whether the mean of the last block's patches, after the norm too, follows: for a ViT-B in
    /// eval_linear.py. (There its channels alternate with the class token's, which changes nothing for a
    /// linear classifier, and there it goes with one block alone.)
    public var averagesPatches: Bool

    /// - Precondition: `lastBlocks` is at least 1.
    public init(lastBlocks: Int = 1, averagesPatches: Bool = false) {
        require(lastBlocks >= 1, "FrozenEmbedding: \(lastBlocks) blocks")
        self.lastBlocks = lastBlocks
        self.averagesPatches = averagesPatches
    }

    /// The channels of an embedding.
    public func width(of network: any Backbone) -> Int {
        network.configuration.width * (lastBlocks + (averagesPatches ? 1 : 0))
    }

    /// The embeddings of images, `[batch, width(of: network)]`.
    ///
    /// - Parameter images: `[batch, 3, height, width]`, normalised.
    /// - Precondition: the network has `lastBlocks` blocks.
    public func callAsFunction(_ network: any Backbone, _ images: Tensor) -> Tensor {
        let depth = network.configuration.depth
        require(
            lastBlocks <= depth, "FrozenEmbedding: \(lastBlocks) blocks of \(depth)")
        var taps = (-lastBlocks..<0).map { FeatureTap(layer: $0, facet: .embedding) }
        let all = FeatureTap(layer: -1, facet: .normedToken)
        if averagesPatches { taps.append(all) }
        let features = network.features(of: images, at: taps, stride: nil)
        return joinedColumns(
            taps.map { $0 == all ? features[$0].means(of: features.layout.patches) : features[$0] })
    }
}

extension Tensor {
    /// The mean of some of each sample's rows: `[batch, width]` of `[batch, rows, width]`.
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

/// Matrices with the same rows side by side.
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
