/// Layer normalisation of the innermost dimension; see `Tensor.layerNorm`.
public struct LayerNorm: Sendable {
    /// The scale of each column, `[width]`.
    public var weight: Tensor
    /// The offset of each column, `[width]`.
    public var bias: Tensor
    /// Added to the variance.
    public var epsilon: Float

    /// Creates a layer from its parameters.
    public init(weight: Tensor, bias: Tensor, epsilon: Float) {
        self.weight = weight
        self.bias = bias
        self.epsilon = epsilon
    }

    /// Creates a layer from the parameters `weight` (initially 1) and `bias` (initially 0) of `source`.
    ///
    /// - Throws: what `source` throws.
    public init<Failure>(
        from source: ParameterSource<Failure>, width: Int, epsilon: Float
    ) throws(Failure) {
        self.init(
            weight: try source.parameter("weight", [width], .constant(1)),
            bias: try source.parameter("bias", [width], .constant(0)), epsilon: epsilon)
    }

    /// Normalises each row of `x`, `[…, width]`.
    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.layerNorm(weight: weight, bias: bias, epsilon: epsilon)
    }
}

extension LayerNorm: Module {
    /// Visits `weight` and `bias`; see `Module`.
    public mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        try body("weight", &weight)
        try body("bias", &bias)
    }
}
