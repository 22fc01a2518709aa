internal import CKernels

extension Tensor {
    /// `x Phi(x)` for each element, Phi the normal distribution function (Hendrycks and Gimpel 2016),
    /// within 1e-7: where it cannot be part of a linear map. `dx = dy (Phi(x) + x phi(x))`, phi the
    /// normal density; x is kept for it. Complexity: O(count).
    public func gelu() -> Tensor {
        let result = Tensor(uninitialized: shape)
        withExtendedLifetime((self, result)) {
            let (source, target) = (base, result.mutableBase)
            inChunks(of: count) { chunk in
                let part = target + chunk.lowerBound
                part.update(from: source + chunk.lowerBound, count: chunk.count)
                Kernels.best.finish(
                    1, chunk.count, part, chunk.count,
                    Epilogue(bias: nil, residual: nil, residual_row_stride: 0, gelu: true))
            }
        }
        guard let trace else { return result }
        return trace.tape.record(result, recipe: untracked.gelu) {
            [x = untracked, index = trace.index] in
            $0.scaleByGELUDerivative(at: x)
            $1.add($0, to: index)
        }
    }

    /// Multiplies by `Phi(x) + x phi(x)`, the derivative of the GELU, at each element of x: in place.
    mutating func scaleByGELUDerivative(at x: Tensor) {
        makeUnique()
        withExtendedLifetime((self, x)) {
            let gradient = mutableBase
            let x = x.base
            inChunks(of: count) { chunk in
                Kernels.best.gelu_gradient(
                    chunk.count, x + chunk.lowerBound, gradient + chunk.lowerBound)
            }
        }
    }
}
