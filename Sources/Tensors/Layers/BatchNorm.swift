/// Batch normalisation of the columns of a batch; see `Tensor.batchNorm`. (`BatchNorm1d` in training.)
public struct BatchNorm: Sendable {
    /// `[width]`.
    public var weight: Tensor
    /// `[width]`.
    public var bias: Tensor
    /// Added to the variance; PyTorch's default.
    public var epsilon: Float = 1e-5

    /// Asks for `weight` and `bias`: at first 1 and 0.
    public init<Failure>(
        from source: ParameterSource<Failure>, width: Int
    ) throws(Failure) {
        weight = try source.parameter("weight", [width], .constant(1))
        bias = try source.parameter("bias", [width], .constant(0))
    }

    /// Normalises a batch `[rows, width]` by its own statistics.
    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.batchNorm(weight: weight, bias: bias, epsilon: epsilon)
    }
}

extension BatchNorm: Module {
    public mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        try body("weight", &weight)
        try body("bias", &bias)
    }
}
