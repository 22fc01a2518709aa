import Tensors

/// A pre-norm transformer block: `x + s1 attention(norm1(x))`, then `x + s2 feedForward(norm2(x))` (`Block` of
/// vision_transformer.py; the factors s are those of dinov2's layer_scale.py).
public struct Block: Sendable {
    /// Normalises the input of the attention.
    public var attentionNorm: LayerNorm
    /// Multi-head self-attention.
    public var attention: Attention
    /// The factors s1, `[width]`; nil: 1.
    public var attentionScale: Tensor?
    /// Normalises the input of the feed-forward layers.
    public var feedForwardNorm: LayerNorm
    /// The feed-forward layers.
    public var feedForward: FeedForward
    /// The factors s2, `[width]`; nil: 1.
    public var feedForwardScale: Tensor?

    /// Creates a block from the parameters `norm1.weight`, `attn.qkv.weight` and so on.
    ///
    /// - Parameters:
    ///   - configuration: the network's architecture.
    ///   - source: supplies the parameters.
    /// - Throws: what the source throws.
    public init<Failure>(
        _ configuration: VisionTransformer.Configuration, from source: ParameterSource<Failure>
    ) throws(Failure) {
        let width = configuration.width
        func norm(_ name: String) throws(Failure) -> LayerNorm {
            try LayerNorm(
                from: source.under(name), width: width, epsilon: configuration.layerNormEpsilon)
        }
        // Initialised as in dinov2's training (ssl_default_config.yaml).
        func scale(_ name: String) throws(Failure) -> Tensor? {
            guard configuration.hasLayerScale else { return nil }
            return try source.parameter(name, [width], .constant(1e-5))
        }
        attentionNorm = try norm("norm1")
        attention = try Attention(configuration, from: source.under("attn"))
        attentionScale = try scale("ls1.gamma")
        feedForwardNorm = try norm("norm2")
        feedForward = try FeedForward(configuration, from: source.under("mlp"))
        feedForwardScale = try scale("ls2.gamma")
    }

    /// Applies the block to tokens.
    ///
    /// - Parameters:
    ///   - x: the tokens, `[batch, tokens, width]`; the patches' come last.
    ///   - angles: the rotary angles of the patches (``RotaryPositions/angles(on:)``), if the network has them.
    /// - Returns: `[batch, tokens, width]`.
    /// - Complexity: O(tokens x width² + tokens² x width) for each image.
    public func callAsFunction(_ x: Tensor, rotatedBy angles: RotaryAngles? = nil) -> Tensor {
        self(x, rotatedBy: angles, branches: nil) { _ in }
    }

    /// Applies the block to tokens `[batch, tokens, width]`.
    ///
    /// - Parameters:
    ///   - angles: the rotary angles; see `Attention`.
    ///   - branches: the samples that pass through each branch; all by default.
    ///   - observe: receives queries, keys and values; see `Attention`.
    func callAsFunction(
        _ x: Tensor, rotatedBy angles: RotaryAngles?, branches: StochasticDepth.Branches?,
        observe: (_ joined: Tensor) -> Void
    ) -> Tensor {
        let attended = join(x, attentionScale, branches?.attention) { kept, residual in
            attention(
                kept(x), after: .norm(attentionNorm), adding: residual, rotatedBy: angles,
                observe: observe)
        }
        return perceived(attended, branches)
    }

    /// The block's output for the class tokens alone: `[batch, width]` from tokens `[batch, tokens, width]`. This
    /// is all that the last block has to compute for an embedding.
    func classTokens(
        _ x: Tensor, rotatedBy angles: RotaryAngles?, branches: StochasticDepth.Branches?
    ) -> Tensor {
        let first = x.slices(at: 0)
        let attended = join(first, attentionScale, branches?.attention) { kept, residual in
            let x = kept(x)
            return attention.ofClassTokens(
                residual ?? x.slices(at: 0), in: x, after: .norm(attentionNorm), adding: residual,
                rotatedBy: angles)
        }
        return perceived(attended, branches)
    }

    private func perceived(_ x: Tensor, _ branches: StochasticDepth.Branches?) -> Tensor {
        join(x, feedForwardScale, branches?.feedForward) { kept, residual in
            feedForward(kept(x), after: .norm(feedForwardNorm), adding: residual)
        }
    }

    /// `x + scale * branch(x)` for the samples that pass through the branch, `x` for the others.
    ///
    /// - Parameter branch: computes the branch, given a function that selects its samples and the tensor to add to
    ///   its result.
    private func join(
        _ x: Tensor, _ scale: Tensor?, _ depth: StochasticDepth.Branch?,
        _ branch: (_ kept: (Tensor) -> Tensor, _ adding: Tensor?) -> Tensor
    ) -> Tensor {
        guard let depth else {
            guard let scale else { return branch({ $0 }, x) }
            return branch({ $0 }, nil).scaledColumns(by: scale, adding: x)
        }
        if depth.kept.isEmpty { return x }
        var part = branch({ $0.samples(depth.kept) }, nil)
        if let scale { part = part.scaledColumns(by: scale) }
        return x.adding(part, toSamples: depth.kept, scaledBy: depth.scale)
    }
}

extension Block: Module {
    /// Visits the block's parameters in the order of the official files.
    public mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        try attentionNorm.forEachParameter(under: "norm1", body)
        try attention.forEachParameter(under: "attn", body)
        try Self.visit("ls1.gamma", &attentionScale, body)
        try feedForwardNorm.forEachParameter(under: "norm2", body)
        try feedForward.forEachParameter(under: "mlp", body)
        try Self.visit("ls2.gamma", &feedForwardScale, body)
    }
}
