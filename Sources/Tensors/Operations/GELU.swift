internal import CKernels

extension Tensor {
    /// The exact GELU of each element, `x Phi(x)` with Phi the normal distribution function (Hendrycks and Gimpel
    /// 2016), within 1e-7. Use it where it cannot be part of a linear map (`InputMap.gelu`). `dx = dy (Phi(x) + x
    /// phi(x))`, phi the normal density; the pullback keeps x.
    ///
    /// - Complexity: O(count).
    public func gelu() -> Tensor {
        var result = Tensor(uninitialized: shape)
        withUnsafePointers(writing: &result, reading: self) { target, source in
            inChunks(of: count) { chunk in
                Kernels.best.gelu(
                    1, chunk.count, source + chunk.lowerBound, chunk.count,
                    target + chunk.lowerBound, chunk.count)
            }
        }
        guard let trace else { return result }
        return trace.tape.record(result) {
            [x = untracked, index = trace.index] gradient, cotangents in
            withUnsafePointers(writing: &gradient, reading: x) { [count = x.count] target, x in
                inChunks(of: count) { chunk in
                    Kernels.best.gelu_gradient(
                        chunk.count, x + chunk.lowerBound, target + chunk.lowerBound)
                }
            }
            cotangents.add(gradient, to: index)
        }
    }
}
