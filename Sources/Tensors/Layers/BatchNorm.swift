/// Batch normalisation of the columns of a batch; see `Tensor.batchNorm`. (`BatchNorm1d` in training.)
public struct BatchNorm: Sendable {
    /// `[width]`.
    public var weight: Tensor
    /// `[width]`.
    public var bias: Tensor
    /// Added to the variance; PyTorch's default.
    public var epsilon: Float = 1e-5

    /// The layer with which training starts: weights 1, biases 0.
    public init(width: Int) {
        weight = Tensor(repeating: 1, shape: [width])
        bias = Tensor(repeating: 0, shape: [width])
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
