extension Tensor {
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
