import Platform
import Tensors

/// Multi-head self-attention (`Attention` of vision_transformer.py).
public struct Attention: Sendable {
    /// Queries, keys and values from a token, one after the other: `[3 * width, width]`.
    public var projection: Linear
    /// `[width, width]`.
    public var output: Linear
    public let heads: Int

    public init(projection: Linear, output: Linear, heads: Int) {
        self.projection = projection
        self.output = output
        self.heads = heads
    }

    /// Channels of a token.
    public var width: Int { projection.weight.shape[1] }

    /// The map to queries, keys or values alone.
    ///
    /// - Precondition: `facet` is one of these three.
    func projection(of facet: Facet) -> Linear {
        let index =
            switch facet {
            case .query: 0
            case .key: 1
            case .value: 2
            case .token, .classAttention:
                fail("Attention: \(facet.rawValue) is no projection")
            }
        return projection.outputs(index * width..<(index + 1) * width)
    }
}
