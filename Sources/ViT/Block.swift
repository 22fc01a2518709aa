import Tensors

/// A transformer block with the norms in front: `x + s1 attention(norm1(x))`, then
/// `x + s2 feedForward(norm2(x))` (`Block` of vision_transformer.py; the factors s of dinov2's
/// layer_scale.py).
public struct Block: Sendable {
    public var attentionNorm: LayerNorm
    public var attention: Attention
    /// s1, `[width]`; nil: 1.
    public var attentionScale: Tensor?
    public var feedForwardNorm: LayerNorm
    public var feedForward: FeedForward
    /// s2, `[width]`; nil: 1.
    public var feedForwardScale: Tensor?

    public init<Failure>(
        _ configuration: VisionTransformer.Configuration, from source: ParameterSource<Failure>
    ) throws(Failure) {
        let width = configuration.width
        func norm(_ name: String) throws(Failure) -> LayerNorm {
            try LayerNorm(
                from: source.under(name), width: width, epsilon: configuration.layerNormEpsilon)
        }
        // At first as dinov2 sets them for training (ssl_default_config.yaml).
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

    /// One block on tokens `[batch, tokens, width]`.
    ///
    /// - Parameters:
    ///   - angles: see `Attention`.
    ///   - branches: what of the batch passes through each branch; all of it unless given.
    ///   - observe: gets queries, keys and values.
    func callAsFunction(
        _ x: Tensor, turnedBy angles: RotaryAngles?, branches: StochasticDepth.Branches?,
        observe: (_ joined: Tensor) -> Void
    ) -> Tensor {
        let attended = join(x, attentionScale, branches?.attention) { kept, residual in
            attention(
                kept(x), after: .norm(attentionNorm), adding: residual, turnedBy: angles,
                observe: observe)
        }
        return perceived(attended, branches)
    }

    /// The block's output for each image's class token alone, `[batch, width]` of tokens `[batch, tokens,
    /// width]`: all that is needed of the last block where only the embedding is wanted.
    func classTokens(
        _ x: Tensor, turnedBy angles: RotaryAngles?, branches: StochasticDepth.Branches?
    ) -> Tensor {
        let first = x.slices(at: 0)
        let attended = join(first, attentionScale, branches?.attention) { kept, residual in
            let x = kept(x)
            return attention.ofClassTokens(
                residual ?? x.slices(at: 0), in: x, after: .norm(attentionNorm), adding: residual,
                turnedBy: angles)
        }
        return perceived(attended, branches)
    }

    private func perceived(_ x: Tensor, _ branches: StochasticDepth.Branches?) -> Tensor {
        join(x, feedForwardScale, branches?.feedForward) { kept, residual in
            feedForward(kept(x), after: .norm(feedForwardNorm), adding: residual)
        }
    }

    /// `x + scale branch`, of the samples that pass through the branch.
    ///
    /// - Parameter branch: is given what takes the samples that it is for, and what it is to add.
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
    public mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        try attentionNorm.forEachParameter(under: "norm1", body)
        try attention.forEachParameter(under: "attn", body)
        try Self.visit("ls1.gamma", &attentionScale, body)
        try feedForwardNorm.forEachParameter(under: "norm2", body)
        try feedForward.forEachParameter(under: "mlp", body)
        try Self.visit("ls2.gamma", &feedForwardScale, body)
    }
}
