import Platform

/// An affine map of the innermost dimension: `x Wᵀ + b`.
public struct Linear: Sendable {
    /// W, `[outputs, inputs]`. Used again and again, it is kept in the form of the matrix products too, and
    /// takes twice its memory.
    public var weight: Tensor { didSet { kept = KeptFactor() } }
    /// b, `[outputs]`.
    public var bias: Tensor

    private var kept = KeptFactor()

    public init(weight: Tensor, bias: Tensor) {
        require(
            weight.shape.rank == 2 && bias.count == weight.shape[0],
            "Linear: weight \(weight.shape) with bias \(bias.shape)")
        self.weight = weight
        self.bias = bias
    }

    /// Asks for `weight` and `bias`: at first normal with deviation 0.02, and 0.
    public init<Failure>(
        from source: ParameterSource<Failure>, inputs: Int, outputs: Int
    ) throws(Failure) {
        self.init(
            weight: try source.parameter("weight", [outputs, inputs], .normal(deviation: 0.02)),
            bias: try source.parameter("bias", [outputs], .constant(0)))
    }

    /// `map(x) Wᵀ + b + residual`; see `Tensor.linear`.
    public func callAsFunction(
        _ x: Tensor, after map: InputMap = .identity, adding residual: Tensor? = nil
    ) -> Tensor {
        x.linear(weight: weight, kept: kept, bias: bias, after: map, adding: residual)
    }

    /// The map to a range of its outputs alone. Shares the weights; complexity: O(1).
    public func outputs(_ range: Range<Int>) -> Linear {
        Linear(weight: weight.rows(range), bias: bias.rows(range))
    }
}

extension Linear: Module {
    public mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        try body("weight", &weight)
        try body("bias", &bias)
    }
}
