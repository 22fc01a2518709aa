import Tensors

/// Multi-head self-attention (`Attention` of vision_transformer.py).
public struct Attention: Sendable {
    /// Maps a token to its query, key and value, in that order: weight `[3 * width, width]`.
    public var projection: Linear
    /// Maps the joined outputs of the heads to a token: weight `[width, width]`.
    public var output: Linear
    /// The number of attention heads; divides the width.
    public let heads: Int
    /// Whether keys have biases. If not, theirs in `projection` are 0 and are not trained.
    public let hasKeyBias: Bool

    /// Creates the layer from the parameters `qkv.weight`, `qkv.bias`, `proj.weight` and `proj.bias`.
    ///
    /// - Parameters:
    ///   - configuration: the network's architecture.
    ///   - source: supplies the parameters.
    /// - Throws: what the source throws.
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
    public var width: Int { projection.inputs }

    /// The attention of every token to all tokens: `[batch, tokens, width]`, as `x`.
    ///
    /// - Parameters:
    ///   - map: applied to the tokens before the projection.
    ///   - residual: added to the result.
    ///   - angles: the rotary angles of the patches' queries and keys.
    ///   - observe: receives queries, keys and values, `[batch, tokens, 3 * width]`, before rotation.
    func callAsFunction(
        _ x: Tensor, after map: InputMap, adding residual: Tensor?, rotatedBy angles: RotaryAngles?,
        observe: (_ joined: Tensor) -> Void
    ) -> Tensor {
        var joined = trainableProjection(x, after: map)
        observe(joined)
        if let angles {
            // Consumed, so that the rotation happens in place.
            joined = (consume joined).rotated(by: angles, heads: heads, width: width, blocks: 2)
        }
        let isQuantized = projection.quantized != nil
        return output(joined.attention(heads: heads, inIntegers: isQuantized), adding: residual)
    }

    /// The attention of each image's class token alone: `[batch, width]`.
    ///
    /// - Parameter first: the class tokens of `x`, `[batch, width]`.
    /// - Complexity: a block limited to class tokens takes about a sixth of the arithmetic of its linear layers.
    func ofClassTokens(
        _ first: Tensor, in x: Tensor, after map: InputMap, adding residual: Tensor?,
        rotatedBy angles: RotaryAngles?
    ) -> Tensor {
        let projection = trainableProjection
        let query = projection.outputs(0..<width)(first, after: map)
        var others = projection.outputs(width..<3 * width)(x, after: map)
        if let angles {
            others = (consume others).rotated(by: angles, heads: heads, width: width, blocks: 1)
        }
        return output(
            .firstTokenAttention(query: query, keysAndValues: others, heads: heads),
            adding: residual)
    }

    /// Passes the requested projections and attention weights to `collect`.
    ///
    /// - Parameters:
    ///   - facets: the facets to extract; those that do not concern attention are ignored.
    ///   - x: the tokens, `[batch, tokens, width]`.
    ///   - registers: the number of register tokens, which follow the class token.
    ///   - joined: queries, keys and values of `x`, if already computed.
    func collect(
        _ facets: Set<Facet>, of x: Tensor, registers: Int, after map: InputMap, joined: Tensor?,
        rotatedBy angles: RotaryAngles?, _ collect: (Facet, Tensor) -> Void
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

    /// The projection. Without key biases, those entries of its bias get a zero gradient.
    private var trainableProjection: Linear {
        guard !hasKeyBias, projection.bias.isTracked else { return projection }
        var result = projection
        let mask = Tensor(
            (0..<3 * width).map { $0 / width == 1 ? 0 : 1 }, shape: [3 * width])
        result.bias = projection.bias.scaledColumns(by: mask)
        return result
    }
}

extension Attention: Module {
    /// Visits the parameters of the two projections.
    public mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        try projection.forEachParameter(under: "qkv", body)
        try output.forEachParameter(under: "proj", body)
    }
}

extension Tensor {
    /// Joins tensors of one shape `[n, m, …]` into `[n, count * m, …]`.
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
