import Platform

/// An affine map of the innermost dimension: `x Wᵀ + b`.
public struct Linear: Sendable {
    /// W, `[outputs, inputs]`. From its second use on a packed copy is cached, which doubles its memory; assigning a
    /// new weight drops it.
    public var weight: Tensor { didSet { kept = PackedFactorCache() } }
    /// b, `[outputs]`.
    public var bias: Tensor

    private var kept = PackedFactorCache()

    /// Creates a layer from its parameters.
    ///
    /// - Precondition: `weight` has two dimensions, and `bias` one element for each row of it.
    public init(weight: Tensor, bias: Tensor) {
        require(
            weight.shape.rank == 2 && bias.count == weight.shape[0],
            "Linear: weight \(weight.shape) with bias \(bias.shape)")
        self.weight = weight
        self.bias = bias
    }

    /// Creates a layer from the parameters `weight` (initially normal with standard deviation 0.02) and `bias`
    /// (initially 0) of `source`.
    ///
    /// - Throws: what `source` throws.
    public init<Failure>(
        from source: ParameterSource<Failure>, inputs: Int, outputs: Int
    ) throws(Failure) {
        self.init(
            weight: try source.parameter("weight", [outputs, inputs], .normal(deviation: 0.02)),
            bias: try source.parameter("bias", [outputs], .constant(0)))
    }

    /// Draws weights and bias uniformly from ± 1 / sqrt(inputs), as PyTorch's `nn.Linear` does.
    public init(
        inputs: Int, outputs: Int, using generator: inout some RandomNumberGenerator
    ) {
        require(inputs > 0 && outputs > 0, "Linear: \(inputs) inputs and \(outputs) outputs")
        let bound = 1 / Double(inputs).squareRoot()
        self.init(
            weight: .uniform([outputs, inputs], in: -bound...bound, using: &generator),
            bias: .uniform([outputs], in: -bound...bound, using: &generator))
    }

    /// Maps `x` `[…, inputs]` to `map(x) Wᵀ + b + residual` `[…, outputs]`; see `Tensor.linear`.
    public func callAsFunction(
        _ x: Tensor, after map: InputMap = .identity, adding residual: Tensor? = nil
    ) -> Tensor {
        x.linear(weight: weight, kept: kept, bias: bias, after: map, adding: residual)
    }

    /// The layer restricted to a range of its outputs; it shares the weights.
    ///
    /// - Complexity: O(1).
    public func outputs(_ range: Range<Int>) -> Linear {
        Linear(weight: weight.rows(range), bias: bias.rows(range))
    }
}

extension Linear: Module {
    /// Visits `weight` and `bias`; see `Module`.
    public mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        try body("weight", &weight)
        try body("bias", &bias)
    }
}
