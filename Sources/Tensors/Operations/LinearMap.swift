/// What a linear map's result goes through, elementwise.
public enum Activation: Hashable, Sendable {
    case identity
    /// x Phi(x), Phi the normal distribution function: the exact GELU (Hendrycks and Gimpel 2016),
    /// within 1e-7.
    case gelu
}

extension Tensor {
    /// `activation(x Wᵀ + b) + residual`, in one pass over the result.
    ///
    /// - Parameters:
    ///   - weight: W, `[outputs, inputs]`.
    ///   - bias: b, `[outputs]`.
    ///   - residual: of the result's shape.
    /// - Returns: `[..., outputs]` for x of `[..., inputs]`.
    /// - Complexity: O(rows x inputs x outputs).
    public func linear(
        weight: Tensor, bias: Tensor? = nil, activation: Activation = .identity,
        adding residual: Tensor? = nil
    ) -> Tensor {
        precondition(
            shape.rank >= 1 && weight.shape.rank == 2 && shape[-1] == weight.shape[1],
            "linear: \(shape) by weights \(weight.shape)")
        let resultShape = Shape(shape.dimensions.dropLast() + [weight.shape[0]])
        precondition(
            bias == nil || bias?.count == weight.shape[0],
            "linear: bias \(bias?.shape ?? []) for weights \(weight.shape)")
        precondition(
            residual == nil || residual?.shape == resultShape,
            "linear: residual \(residual?.shape ?? []) for a result \(resultShape)")
        let result = Tensor(uninitialized: resultShape)
        withExtendedLifetime(result) {
            linear(
                weight: weight, bias: bias, activation: activation, adding: residual,
                into: result.mutableBase)
        }
        return result
    }

    /// The same, written to memory that holds the result's elements: a part of a larger tensor.
    package func linear(
        weight: Tensor, bias: Tensor? = nil, activation: Activation = .identity,
        adding residual: Tensor? = nil, into target: UnsafeMutablePointer<Float>
    ) {
        withExtendedLifetime((self, weight, bias, residual)) {
            multiply(
                matrix, weight.matrix.transposed, into: target, rowStride: weight.shape[0],
                epilogue: Epilogue(
                    bias: bias?.base, residual: residual?.base,
                    residual_row_stride: weight.shape[0], gelu: activation == .gelu))
        }
    }
}
