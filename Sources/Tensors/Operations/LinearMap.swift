/// What a linear map's result goes through, elementwise.
public enum Activation: Hashable, Sendable {
    case identity
    /// x Phi(x), Phi the normal distribution function: the exact GELU (Hendrycks and Gimpel 2016),
    /// within 1e-7.
    case gelu
}

extension Tensor {
    /// `y = activation(x Wᵀ + b) + residual`, in one pass over the result.
    ///
    /// With P the gradient of `x Wᵀ + b`, which is `dy` or `dy * gelu'(x Wᵀ + b)`:
    /// `dx = P W`, `dW = Pᵀ x`, `db` the sum of P's rows, and the residual's is `dy`. Kept for it: x
    /// (where W is tracked), W, and before a GELU `x Wᵀ + b`.
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
        guard let tape = Tape.of(self, weight, bias, residual) else {
            withExtendedLifetime(result) {
                linear(
                    weight: weight, bias: bias, activation: activation, adding: residual,
                    into: result.mutableBase)
            }
            return result
        }

        let before = activation == .gelu ? Tensor(uninitialized: resultShape) : nil
        withExtendedLifetime((result, before)) {
            linear(
                weight: weight, bias: bias, activation: activation, adding: residual,
                into: result.mutableBase, beforeActivation: before?.mutableBase)
        }
        let recipe = before.flatMap { before in residual == nil ? { before.gelu() } : nil }
        return tape.record(result, recipe: recipe) {
            [
                // x is read for the weight's gradient alone, and the weight for that of x.
                x = weight.isTracked ? kept : nil, weight = weight.untracked, shape,
                indices = (
                    x: trace?.index, weight: weight.trace?.index, bias: bias?.trace?.index,
                    residual: residual?.trace?.index
                ), biasShape = bias?.shape
            ] gradient, cotangents in
            cotangents.add(gradient, to: indices.residual)
            if let before { gradient.scaleByGELUDerivative(at: before) }
            withExtendedLifetime(gradient) {
                let rows = gradient.matrix
                let inputs = shape[-1]
                if let biasShape {
                    cotangents.update(indices.bias, shape: biasShape, rows.addColumnSums)
                }
                if let x = x?() {
                    cotangents.update(indices.weight, shape: weight.shape) { target, isSum in
                        withExtendedLifetime(x) {
                            multiply(
                                rows.transposed, x.matrix, into: target, rowStride: inputs,
                                epilogue: Epilogue(accumulates: isSum))
                        }
                    }
                }
                cotangents.update(indices.x, shape: shape) { target, isSum in
                    withExtendedLifetime(weight) {
                        multiply(
                            rows, weight.matrix, into: target, rowStride: inputs,
                            epilogue: Epilogue(accumulates: isSum))
                    }
                }
            }
        }
    }

    /// The value alone, written to memory that holds the result's elements: a part of a larger tensor.
    package func linear(
        weight: Tensor, bias: Tensor? = nil, activation: Activation = .identity,
        adding residual: Tensor? = nil, into target: UnsafeMutablePointer<Float>,
        beforeActivation: UnsafeMutablePointer<Float>? = nil
    ) {
        withExtendedLifetime((self, weight, bias, residual)) {
            multiply(
                matrix, weight.matrix.transposed, into: target, rowStride: weight.shape[0],
                epilogue: Epilogue(
                    bias: bias?.base, residual: residual?.base,
                    residual_row_stride: weight.shape[0], gelu: activation == .gelu,
                    before: beforeActivation, before_row_stride: weight.shape[0],
                    accumulates: false))
        }
    }
}
