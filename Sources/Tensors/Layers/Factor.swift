/// How a linear layer holds its weights `[outputs, inputs]`.
enum Factor: Sendable {
    /// As they are, optionally with a cache of the packed form.
    case plain(Tensor, PackedFactorCache?)
    /// In the layout of the float kernels alone.
    case packed(PackedFactor)
    /// Quantised.
    case integers(IntegerFactor)

    var shape: Shape {
        switch self {
        case .plain(let weights, _): weights.shape
        case .packed(let factor): [factor.columns, factor.rows]
        case .integers(let factor): [factor.rows, factor.columns]
        }
    }

    /// The weights, if they are held as they are.
    var plain: Tensor? { if case .plain(let weights, _) = self { weights } else { nil } }

    /// The weights, restored if need be: those of integers are rounded.
    var weights: Tensor {
        switch self {
        case .plain(let weights, _): weights
        case .packed(let factor): factor.transposed
        case .integers(let factor): factor.matrix
        }
    }

    /// The factor restricted to a range of outputs.
    func outputs(_ range: Range<Int>) -> Factor {
        switch self {
        case .packed(let factor):
            factor.columns(range).map { .packed($0) }
                ?? .plain(factor.transposed.rows(range), nil)
        case .integers(let factor): .integers(factor.rows(range))
        case .plain(let weights, _): .plain(weights.rows(range), PackedFactorCache())
        }
    }

    /// The factor for inference. What has been quantised stays as it is.
    func prepared(for precision: Precision) -> Factor {
        if case .integers = self { return self }
        if let bits = precision.integerBits {
            return .integers(IntegerFactor(weights, bits: bits))
        }
        // BLAS multiplies matrices as they are.
        guard case .plain(let weights, _) = self, Kernels.best.has_fused_multiply_add else {
            return self
        }
        return withUnsafePointers(reading: weights) {
            .packed(PackedFactor(MatrixView($0, weights.shape).transposed, .best))
        }
    }
}
