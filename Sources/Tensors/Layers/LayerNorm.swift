/// Layer normalisation of the innermost dimension; see `Tensor.layerNorm`.
public struct LayerNorm: Sendable {
    /// `[width]`.
    public var weight: Tensor
    /// `[width]`.
    public var bias: Tensor
    /// Added to the variance.
    public var epsilon: Float

    public init(weight: Tensor, bias: Tensor, epsilon: Float) {
        self.weight = weight
        self.bias = bias
        self.epsilon = epsilon
    }

    /// Asks for `weight` and `bias`: at first 1 and 0.
    public init<Failure>(
        from source: ParameterSource<Failure>, width: Int, epsilon: Float
    ) throws(Failure) {
        self.init(
            weight: try source.parameter("weight", [width], .constant(1)),
            bias: try source.parameter("bias", [width], .constant(0)), epsilon: epsilon)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.layerNorm(weight: weight, bias: bias, epsilon: epsilon)
    }
}

extension LayerNorm: Module {
    public mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        try body("weight", &weight)
        try body("bias", &bias)
    }
}
