/// Batch normalisation of the columns of a batch, as `BatchNorm1d` of PyTorch does in training; see `Tensor.batchNorm`.
public struct BatchNorm: Sendable {
    /// The scale of each column, `[width]`.
    public var weight: Tensor
    /// The offset of each column, `[width]`.
    public var bias: Tensor
    /// Added to the variance; the default is PyTorch's.
    public var epsilon: Float = 1e-5

    /// Creates a layer from the parameters `weight` (initially 1) and `bias` (initially 0) of `source`.
    ///
    /// - Throws: what `source` throws.
    public init<Failure>(
        from source: ParameterSource<Failure>, width: Int
    ) throws(Failure) {
        weight = try source.parameter("weight", [width], .constant(1))
        bias = try source.parameter("bias", [width], .constant(0))
    }

    /// Normalises a batch `[rows, width]` by its own mean and variance.
    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.batchNorm(weight: weight, bias: bias, epsilon: epsilon)
    }

    /// Normalises the shares of a batch by the mean and variance of all of them.
    ///
    /// - Parameters:
    ///   - norms: the layer for each of this rank's shares: the same parameters, tracked separately.
    ///   - shares: `[rows, width]` each.
    ///   - communicator: the ranks that hold the shares.
    package static func outputs(
        of norms: [BatchNorm], _ shares: [Tensor], across communicator: any Communicator
    ) -> [Tensor] {
        Tensor.batchNorm(
            shares, weights: norms.map(\.weight), biases: norms.map(\.bias),
            epsilon: norms[0].epsilon, across: communicator)
    }
}

extension BatchNorm: Module {
    /// Visits `weight` and `bias`; see `Module`.
    public mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        try body("weight", &weight)
        try body("bias", &bias)
    }
}
