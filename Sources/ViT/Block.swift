import Tensors

/// The two-layer perceptron of a block (`Mlp` of vision_transformer.py).
public struct Perceptron: Sendable {
    /// `[hiddenWidth, width]`, followed by a GELU.
    public var hidden: Linear
    /// `[width, hiddenWidth]`.
    public var output: Linear

    public init(hidden: Linear, output: Linear) {
        self.hidden = hidden
        self.output = output
    }
}

/// A transformer block with the norms in front: `x + attention(norm1(x))`, then
/// `x + perceptron(norm2(x))` (`Block` of vision_transformer.py).
public struct Block: Sendable {
    public var attentionNorm: LayerNorm
    public var attention: Attention
    public var perceptronNorm: LayerNorm
    public var perceptron: Perceptron

    public init(
        attentionNorm: LayerNorm, attention: Attention, perceptronNorm: LayerNorm,
        perceptron: Perceptron
    ) {
        self.attentionNorm = attentionNorm
        self.attention = attention
        self.perceptronNorm = perceptronNorm
        self.perceptron = perceptron
    }

    /// One block on tokens `[batch, tokens, width]`.
    ///
    /// - Parameters:
    ///   - facets: what is wanted of this block.
    ///   - collect: called with each of them; see `Features.values` for the shapes.
    ///   - isLast: whether nothing after this block is wanted: then only what `facets` need is
    ///     computed.
    /// - Returns: the block's output, or `nil` where `isLast` spared it.
    func callAsFunction(
        _ x: Tensor, facets: Set<Facet>, isLast: Bool, collect: (Facet, Tensor) -> Void
    ) -> Tensor? {
        let normed = attentionNorm(x)
        if isLast && !facets.contains(.token) {
            var keys: Tensor?
            for facet in [Facet.query, .key, .value] where facets.contains(facet) {
                let values = attention.projection(of: facet)(normed)
                collect(facet, values)
                if facet == .key { keys = values }
            }
            if facets.contains(.classAttention) {
                let keys = keys ?? attention.projection(of: .key)(normed)
                collect(.classAttention, attention.classAttention(tokens: normed, keys: keys))
            }
            return nil
        }

        let joined = attention.projection(normed)
        let width = attention.width
        var keys: Tensor?
        for (index, facet) in [Facet.query, .key, .value].enumerated() {
            let isNeeded =
                facets.contains(facet) || facet == .key && facets.contains(.classAttention)
            guard isNeeded else { continue }
            let values = joined.columns(index * width..<(index + 1) * width)
            if facets.contains(facet) { collect(facet, values) }
            if facet == .key { keys = values }
        }
        if facets.contains(.classAttention), let keys {
            collect(.classAttention, attention.classAttention(tokens: normed, keys: keys))
        }

        let attended = attention.output(joined.attention(heads: attention.heads), adding: x)
        let hidden = perceptron.hidden(perceptronNorm(attended), activation: .gelu)
        let result = perceptron.output(hidden, adding: attended)
        if facets.contains(.token) { collect(.token, result) }
        return result
    }
}
