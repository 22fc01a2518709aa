import Platform

extension Tensor {
    /// `y = n weight + bias` with `n = (x - mean) / sqrt(variance + epsilon)` over the innermost
    /// dimension (Ba et al. 2016), the variance being the mean square deviation.
    ///
    /// With g = dy weight: `dx = (g - mean(g) - n mean(g n)) / sqrt(variance + epsilon)`; weight's
    /// gradient is the sum of `dy n` over the rows, bias's that of `dy`. Kept for it: x and weight.
    ///
    /// - Parameters:
    ///   - weight: `[width]`.
    ///   - bias: `[width]`.
    /// - Complexity: O(count).
    public func layerNorm(weight: Tensor, bias: Tensor, epsilon: Float) -> Tensor {
        require(
            shape.rank >= 1 && weight.count == shape[-1] && bias.count == shape[-1],
            "layerNorm: \(shape) with weight \(weight.shape) and bias \(bias.shape)")
        let result = Tensor(uninitialized: shape)
        let width = shape[-1]
        let rows = width > 0 ? count / width : 0
        withExtendedLifetime((self, weight, bias, result)) {
            Parallelism.perform(count: (rows + rowsPerTask - 1) / rowsPerTask) { task in
                let first = task * rowsPerTask
                Kernels.best.layer_norm(
                    min(rowsPerTask, rows - first), width, base + first * width, width,
                    weight.base, bias.base, epsilon, result.mutableBase + first * width, width)
            }
        }
        guard let tape = Tape.of(self, weight, bias) else { return result }
        return tape.record(result) {
            [
                x = untracked,
                norm = LayerNorm(weight: weight.untracked, bias: bias.untracked, epsilon: epsilon),
                indices = (x: trace?.index, (weight: weight.trace?.index, bias: bias.trace?.index))
            ] in
            x.pullBackLayerNorm(norm, $0, indices, &$1)
        }
    }

    /// Hands the gradient of a layer norm of these elements on to them and to the norm.
    func pullBackLayerNorm(
        _ norm: LayerNorm, _ gradient: Tensor, _ indices: (x: Int?, (weight: Int?, bias: Int?)),
        _ cotangents: inout Cotangents
    ) {
        let width = shape[-1]
        let rows = width > 0 ? count / width : 0
        let tasks = (rows + rowsPerTask - 1) / rowsPerTask
        // Each task's share of weight's and of bias's gradient.
        let shares = Tensor(repeating: 0, shape: [2, tasks, width])
        withExtendedLifetime((self, norm, gradient, shares)) {
            let dy = gradient.base
            func run(_ dx: UnsafeMutablePointer<Float>?, _ accumulates: Bool) {
                Parallelism.perform(count: tasks) { task in
                    let first = task * rowsPerTask
                    let share = shares.mutableBase + task * width
                    Kernels.best.layer_norm_gradient(
                        min(rowsPerTask, rows - first), width, base + first * width,
                        dy + first * width, norm.weight.base, norm.epsilon,
                        dx.map { $0 + first * width }, accumulates, share,
                        share + tasks * width)
                }
            }
            if indices.x == nil { run(nil, false) }
            cotangents.update(indices.x, shape: shape, run)
            for (index, tensor, part) in [
                (indices.1.weight, norm.weight, 0), (indices.1.bias, norm.bias, 1),
            ] {
                cotangents.update(index, shape: tensor.shape) {
                    shares.rows(part..<part + 1).reshaped(to: [tasks, width]).matrix
                        .addColumnSums(to: $0, isSum: $1)
                }
            }
        }
    }
}

private let rowsPerTask = 64
