extension Tensor {
    /// `(x - mean) / sqrt(variance + epsilon) * weight + bias` over the innermost dimension
    /// (Ba et al. 2016), the variance being the mean square deviation.
    ///
    /// - Parameters:
    ///   - weight: `[width]`.
    ///   - bias: `[width]`.
    /// - Complexity: O(count).
    public func layerNorm(weight: Tensor, bias: Tensor, epsilon: Float) -> Tensor {
        precondition(
            shape.rank >= 1 && weight.count == shape[-1] && bias.count == shape[-1],
            "layerNorm: \(shape) with weight \(weight.shape) and bias \(bias.shape)")
        let result = Tensor(uninitialized: shape)
        let width = shape[-1]
        let rows = width > 0 ? count / width : 0
        let rowsPerTask = 64
        withExtendedLifetime((self, weight, bias, result)) {
            Parallelism.perform(count: (rows + rowsPerTask - 1) / rowsPerTask) { task in
                let first = task * rowsPerTask
                Kernels.best.layer_norm(
                    min(rowsPerTask, rows - first), width, base + first * width, width,
                    weight.base, bias.base, epsilon, result.mutableBase + first * width, width)
            }
        }
        return result
    }
}
