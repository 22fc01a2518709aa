import Tensors

/// The two-layer perceptron of a block (`Mlp` of vision_transformer.py).
public struct Perceptron: Sendable {
    /// `[hiddenWidth, width]`; a GELU lies between the two.
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
    ///   - isLast: whether nothing after this block is wanted: then only what `facets` need is
    ///     computed.
    ///   - collect: called with each of the facets; see `Features.values` for the shapes.
    /// - Returns: the block's output, or `nil` where `isLast` spared it.
    func callAsFunction(
        _ x: Tensor, facets: Set<Facet>, isLast: Bool, collect: (Facet, Tensor) -> Void
    ) -> Tensor? {
        if isLast && !facets.contains(.token) {
            self.collect(facets, x, joined: nil, collect)
            return nil
        }
        let result = self(x) { self.collect(facets, x, joined: $0, collect) }
        if facets.contains(.token) { collect(.token, result) }
        return result
    }

    /// One block on tokens `[batch, tokens, width]`.
    ///
    /// - Parameters:
    ///   - branches: what of the batch passes through each branch; all of it unless given.
    ///   - observe: gets the joined projections.
    func callAsFunction(
        _ x: Tensor,
        branches: (attention: StochasticDepth.Branch, perceptron: StochasticDepth.Branch)? = nil,
        observe: (_ joined: Tensor) -> Void = { _ in }
    ) -> Tensor {
        let attended = branches?.attention.add(to: x, from: x, attend) ?? attend(x, adding: x)
        return branches?.perceptron.add(to: attended, from: attended, perceive)
            ?? perceive(attended, adding: attended)

        func attend(_ x: Tensor, adding residual: Tensor?) -> Tensor {
            let joined = attention.projection(x, after: .norm(attentionNorm))
            observe(joined)
            return attention.output(joined.attention(heads: attention.heads), adding: residual)
        }
    }

    /// The block's output for each image's class token alone, `[batch, width]` of tokens `[batch, tokens,
    /// width]`: all that is needed of the last block where only the embedding is wanted.
    ///
    /// - Complexity: a sixth of the whole block's products.
    func classTokens(
        _ x: Tensor,
        branches: (attention: StochasticDepth.Branch, perceptron: StochasticDepth.Branch)? = nil
    ) -> Tensor {
        let first = x.slices(at: 0)
        let attended =
            branches?.attention.add(to: first, from: x, attend) ?? attend(x, adding: first)
        return branches?.perceptron.add(to: attended, from: attended, perceive)
            ?? perceive(attended, adding: attended)

        func attend(_ x: Tensor, adding residual: Tensor?) -> Tensor {
            let width = attention.width
            let norm = InputMap.norm(attentionNorm)
            let query = attention.projection(of: .query)(residual ?? x.slices(at: 0), after: norm)
            let keysAndValues = attention.projection.outputs(width..<3 * width)(x, after: norm)
            let mixed = Tensor.firstTokenAttention(
                query: query, keysAndValues: keysAndValues, heads: attention.heads)
            return attention.output(mixed, adding: residual)
        }
    }

    private func perceive(_ x: Tensor, adding residual: Tensor?) -> Tensor {
        let hidden = perceptron.hidden(x, after: .norm(perceptronNorm))
        return perceptron.output(hidden, after: .gelu, adding: residual)
    }

    /// Hands out what is wanted of the projections and of the class token's attention.
    ///
    /// - Parameters:
    ///   - x: the block's input.
    ///   - joined: the three projections, where they have been computed.
    private func collect(
        _ facets: Set<Facet>, _ x: Tensor, joined: Tensor?, _ collect: (Facet, Tensor) -> Void
    ) {
        let width = attention.width
        let norm = InputMap.norm(attentionNorm)
        var keys: Tensor?
        for (index, facet) in [Facet.query, .key, .value].enumerated() {
            let isNeeded =
                facets.contains(facet) || facet == .key && facets.contains(.classAttention)
            guard isNeeded else { continue }
            let values =
                joined?.columns(index * width..<(index + 1) * width)
                ?? attention.projection(of: facet)(x, after: norm)
            if facets.contains(facet) { collect(facet, values) }
            if facet == .key { keys = values }
        }
        if let keys, facets.contains(.classAttention) {
            let query = attention.projection(of: .query)(x.slices(at: 0), after: norm)
            collect(
                .classAttention,
                .firstTokenAttention(query: query, keys: keys, heads: attention.heads))
        }
    }
}
