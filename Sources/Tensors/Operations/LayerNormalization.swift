import Platform

extension Tensor {
    /// Layer normalisation (Ba et al. 2016): `y = n weight + bias` with `n = (x - mean) / sqrt(variance + epsilon)`
    /// over the innermost dimension; the variance is the mean squared deviation.
    ///
    /// With g = dy weight: `dx = (g - mean(g) - n mean(g n)) / sqrt(variance + epsilon)`; the gradient of weight is the
    /// sum of `dy n` over the rows, that of bias the sum of `dy`. The pullback keeps x and weight.
    ///
    /// - Parameters:
    ///   - weight: `[width]`.
    ///   - bias: `[width]`.
    ///   - epsilon: added to the variance.
    /// - Complexity: O(count).
    public func layerNorm(weight: Tensor, bias: Tensor, epsilon: Float) -> Tensor {
        require(
            shape.rank >= 1 && weight.count == shape[-1] && bias.count == shape[-1],
            "layerNorm: \(shape) with weight \(weight.shape) and bias \(bias.shape)")
        var result = Tensor(uninitialized: shape)
        let width = shape[-1]
        let rows = width > 0 ? count / width : 0
        withUnsafePointers(writing: &result, reading: self, weight, bias) { y, x, weight, bias in
            Parallelism.perform(count: (rows + rowsPerTask - 1) / rowsPerTask) { task in
                let first = task * rowsPerTask
                Kernels.best.layer_norm(
                    min(rowsPerTask, rows - first), width, x + first * width, width, weight, bias,
                    epsilon, y + first * width, width)
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

    /// Passes the gradient of a layer norm of these elements back to them and to the norm's parameters.
    func pullBackLayerNorm(
        _ norm: LayerNorm, _ gradient: Tensor, _ indices: (x: Int?, (weight: Int?, bias: Int?)),
        _ cotangents: inout Cotangents
    ) {
        let width = shape[-1]
        let rows = width > 0 ? count / width : 0
        let tasks = (rows + rowsPerTask - 1) / rowsPerTask
        // Each task's contribution to the gradients of weight and bias.
        var shares = Tensor(repeating: 0, shape: [2, tasks, width])
        withUnsafePointers(writing: &shares, reading: self, norm.weight, gradient) {
            shares, x, weight, dy in
            func run(_ dx: UnsafeMutablePointer<Float>?, _ accumulates: Bool) {
                Parallelism.perform(count: tasks) { task in
                    let first = task * rowsPerTask
                    let share = shares + task * width
                    Kernels.best.layer_norm_gradient(
                        min(rowsPerTask, rows - first), width, x + first * width,
                        dy + first * width, weight, norm.epsilon,
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
                    MatrixView(shares + part * tasks * width, rows: tasks, columns: width)
                        .addColumnSums(to: $0, isSum: $1)
                }
            }
        }
    }
}

private let rowsPerTask = 64
