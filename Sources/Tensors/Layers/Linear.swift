import Platform

/// An affine map of the innermost dimension: `x Wᵀ + b`.
public struct Linear: Sendable {
    private(set) var factor: Factor
    /// b, `[outputs]`.
    public var bias: Tensor

    /// W, `[outputs, inputs]`. From its second use on a packed copy is cached, which doubles its memory unless the layer
    /// is prepared for inference (``prepare(for:)``). A prepared layer restores its weights each time that they are
    /// read; assigning new ones ends the preparation.
    public var weight: Tensor {
        get { factor.weights }
        _modify {
            var weights = factor.weights
            // Leaves the elements with a single owner while they are changed.
            factor = .plain(Tensor(placeholder: []), nil)
            defer { factor = .plain(weights, PackedFactorCache()) }
            yield &weights
        }
    }

    /// Creates a layer from its parameters.
    ///
    /// - Precondition: `weight` has two dimensions, and `bias` one element for each row of it.
    public init(weight: Tensor, bias: Tensor) {
        require(
            weight.shape.rank == 2 && bias.count == weight.shape[0],
            "Linear: weight \(weight.shape) with bias \(bias.shape)")
        factor = .plain(weight, PackedFactorCache())
        self.bias = bias
    }

    private init(_ factor: Factor, bias: Tensor) {
        self.factor = factor
        self.bias = bias
    }

    /// Creates a layer from quantised weights and its bias.
    package init(_ weights: IntegerFactor, bias: Tensor) {
        self.init(.integers(weights), bias: bias)
    }

    /// Creates a layer from the parameters `weight` (initially normal with standard deviation 0.02) and `bias`
    /// (initially 0) of `source`.
    ///
    /// - Throws: what `source` throws.
    public init<Failure>(
        from source: ParameterSource<Failure>, inputs: Int, outputs: Int
    ) throws(Failure) {
        let weights: Factor
        if let stored = try source.quantized("weight", [outputs, inputs]) {
            weights = .integers(stored)
        } else {
            weights = .plain(
                try source.parameter("weight", [outputs, inputs], .normal(deviation: 0.02)),
                PackedFactorCache())
        }
        self.init(weights, bias: try source.parameter("bias", [outputs], .constant(0)))
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
        x.linear(factor, bias: bias, after: map, adding: residual)
    }

    /// The number of inputs.
    public var inputs: Int { factor.shape[1] }

    /// The number of outputs.
    public var outputs: Int { factor.shape[0] }

    /// The quantised weights; nil if they are floats.
    package var quantized: IntegerFactor? {
        if case .integers(let weights) = factor { weights } else { nil }
    }

    /// Prepares the layer for inference: it keeps its weights only in the form in which they are multiplied.
    ///
    /// With integers, the weights are rounded to 16 or 8 bits with a scale for each output, and so are the inputs, row by
    /// row, each time that the layer is applied. Given the same floats, the result has the same bits on every processor.
    /// Recorded for differentiation, the layer computes in floats with the rounded weights.
    ///
    /// - Parameter precision: the precision to compute in. Weights that are integers already are not changed.
    /// - Complexity: O(weights).
    public mutating func prepare(for precision: Precision) {
        factor = factor.prepared(for: precision)
    }

    /// Ends the preparation: the layer holds its weights as they are, rounded if they were quantised.
    package mutating func restoreWeights() {
        if factor.plain == nil { weight = factor.weights }
    }

    /// The layer restricted to a range of its outputs; it shares the weights. (Prepared weights are copied unless the
    /// range starts and ends at multiples of 192.)
    ///
    /// - Complexity: O(1).
    public func outputs(_ range: Range<Int>) -> Linear {
        Linear(factor.outputs(range), bias: bias.rows(range))
    }
}

extension Linear: Module {
    /// Visits `weight` and `bias`; see `Module`. A prepared layer stays prepared unless `body` changes its weights.
    public mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        if factor.plain != nil {
            try body("weight", &weight)
        } else {
            let restored = factor.weights
            var weights = restored
            try body("weight", &weights)
            if !weights.isSame(as: restored) { weight = weights }
        }
        try body("bias", &bias)
    }
}
