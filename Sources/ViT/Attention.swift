import Platform
import Tensors

/// Multi-head self-attention (`Attention` of vision_transformer.py).
public struct Attention: Sendable {
    /// Queries, keys and values from a token, one after the other: `[3 * width, width]`.
    public var projection: Linear
    /// `[width, width]`.
    public var output: Linear
    public let heads: Int
    /// Whether keys have biases: else those of `projection` are 0, and are not learnt.
    public let hasKeyBias: Bool

    public init<Failure>(
        _ configuration: VisionTransformer.Configuration, from source: ParameterSource<Failure>
    ) throws(Failure) {
        let width = configuration.width
        projection = try Linear(from: source.under("qkv"), inputs: width, outputs: 3 * width)
        output = try Linear(from: source.under("proj"), inputs: width, outputs: width)
        heads = configuration.heads
        hasKeyBias = configuration.hasKeyBias
    }

    /// Channels of a token.
    public var width: Int { projection.weight.shape[1] }

    /// What each token gathers from all, `[batch, tokens, width]` of such tokens.
    ///
    /// - Parameters:
    ///   - map: what the tokens go through first.
    ///   - residual: is added.
    ///   - angles: by which queries and keys of patches are turned.
    ///   - observe: gets queries, keys and values, `[batch, tokens, 3 * width]`, before they are turned.
    func callAsFunction(
        _ x: Tensor, after map: InputMap, adding residual: Tensor?, turnedBy angles: RotaryAngles?,
        observe: (_ joined: Tensor) -> Void
    ) -> Tensor {
        var joined = learntProjection(x, after: map)
        observe(joined)
        if let angles {
            // In place.
            joined = (consume joined).rotated(by: angles, heads: heads, width: width, blocks: 2)
        }
        return output(joined.attention(heads: heads), adding: residual)
    }

    /// The same of each image's class token alone: `[batch, width]`.
    ///
    /// - Parameter first: the class tokens of `x`.
    /// - Complexity: a sixth of the products.
    func ofClassTokens(
        _ first: Tensor, in x: Tensor, after map: InputMap, adding residual: Tensor?,
        turnedBy angles: RotaryAngles?
    ) -> Tensor {
        let projection = learntProjection
        let query = projection.outputs(0..<width)(first, after: map)
        var others = projection.outputs(width..<3 * width)(x, after: map)
        if let angles {
            others = (consume others).rotated(by: angles, heads: heads, width: width, blocks: 1)
        }
        return output(
            .firstTokenAttention(query: query, keysAndValues: others, heads: heads),
            adding: residual)
    }

    /// Hands out what is wanted of the projections and of some tokens' attention.
    ///
    /// - Parameters:
    ///   - facets: of these, those that are of attention.
    ///   - x: the tokens.
    ///   - registers: how many of them stand behind the class token.
    ///   - joined: their projections, where they have been computed.
    func collect(
        _ facets: Set<Facet>, of x: Tensor, registers: Int, after map: InputMap, joined: Tensor?,
        turnedBy angles: RotaryAngles?, _ collect: (Facet, Tensor) -> Void
    ) {
        func projected(_ place: Int) -> Tensor {
            let columns = place * width..<(place + 1) * width
            return joined?.columns(columns) ?? projection.outputs(columns)(x, after: map)
        }
        for (place, facet) in [Facet.query, .key, .value].enumerated() {
            let isForAttention = facet == .key && facets.contains(where: \.isAttention)
            guard facets.contains(facet) || isForAttention else { continue }
            var values = projected(place)
            if facets.contains(facet) { collect(facet, values) }
            guard isForAttention else { continue }
            if let angles {
                values = values.rotated(by: angles, heads: heads, width: width, blocks: 1)
            }
            func attention(of token: Int) -> Tensor {
                let query = projection.outputs(0..<width)(x.slices(at: token), after: map)
                return .firstTokenAttention(query: query, keys: values, heads: heads)
            }
            if facets.contains(.classAttention) { collect(.classAttention, attention(of: 0)) }
            if facets.contains(.registerAttention) {
                let each = (0..<registers).map { attention(of: 1 + $0) }
                collect(.registerAttention, .stacked(each, like: [x.shape[0], heads, x.shape[1]]))
            }
        }
    }

    /// The projection, of whose biases those of the keys get no gradient where there are none.
    private var learntProjection: Linear {
        guard !hasKeyBias, projection.bias.isTracked else { return projection }
        var result = projection
        let mask = Tensor(
            (0..<3 * width).map { $0 / width == 1 ? 0 : 1 }, shape: [3 * width])
        result.bias = projection.bias.scaledColumns(by: mask)
        return result
    }
}

extension Attention: Module {
    public mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        try projection.forEachParameter(under: "qkv", body)
        try output.forEachParameter(under: "proj", body)
    }
}

extension Tensor {
    /// Tensors of one shape `[n, m, …]` as `[n, count * m, …]`.
    fileprivate static func stacked(_ parts: [Tensor], like shape: Shape) -> Tensor {
        let (batch, length) = (shape[0], shape[1] * shape[2])
        return Tensor(shape: [batch, parts.count * shape[1], shape[2]]) { target in
            for (place, part) in parts.enumerated() {
                part.withUnsafeElements { elements in
                    for image in 0..<batch {
                        let start = (image * parts.count + place) * length
                        for i in 0..<length { target[start + i] = elements[image * length + i] }
                    }
                }
            }
        }
    }
}
