extension Tensor {
    /// `y = n weight + bias` with `n = (x - mean) / sqrt(variance + epsilon)`, mean and variance those of each
    /// column over the rows (Ioffe and Szegedy 2015).
    ///
    /// With g = dy weight: `dx = (g - mean(g) - n mean(g n)) / sqrt(variance + epsilon)`, means over the
    /// rows; weight's gradient is the sum of `dy n`, bias's that of `dy`. Kept for it: x, weight and the
    /// statistics.
    ///
    /// - Parameters:
    ///   - weight: `[width]`.
    ///   - bias: `[width]`.
    /// - Returns: `[rows, width]`, as x is.
    /// - Complexity: O(count).
    public func batchNorm(weight: Tensor, bias: Tensor, epsilon: Float) -> Tensor {
        precondition(
            shape.rank == 2 && weight.count == shape[1] && bias.count == shape[1] && shape[0] > 0,
            "batchNorm: \(shape) with weight \(weight.shape) and bias \(bias.shape)")
        let (rows, width) = (shape[0], shape[1])
        let mean = Tensor(uninitialized: [width])
        let variance = Tensor(uninitialized: [width])
        let deviations = Tensor(uninitialized: [width])
        let result = Tensor(uninitialized: shape)
        withExtendedLifetime((self, weight, bias, result, mean, variance, deviations)) {
            let (mean, variance, scale) = (
                mean.mutableBase, variance.mutableBase, deviations.mutableBase
            )
            let (x, y, weight, bias) = (base, result.mutableBase, weight.base, bias.base)
            inColumns(of: width) { columns in
                for j in columns { (mean[j], variance[j]) = (0, 0) }
                for r in 0..<rows {
                    for j in columns { mean[j] += x[r * width + j] }
                }
                for j in columns { mean[j] /= Float(rows) }
                for r in 0..<rows {
                    for j in columns {
                        let d = x[r * width + j] - mean[j]
                        variance[j] += d * d
                    }
                }
                for j in columns {
                    variance[j] /= Float(rows)
                    scale[j] = 1 / (variance[j] + epsilon).squareRoot()
                }
                for r in 0..<rows {
                    for j in columns {
                        y[r * width + j] =
                            (x[r * width + j] - mean[j]) * scale[j] * weight[j] + bias[j]
                    }
                }
            }
        }
        guard let tape = Tape.of(self, weight, bias) else { return result }
        return tape.record(result) {
            [
                x = untracked, weight = weight.untracked, biasShape = bias.shape,
                indices = (x: trace?.index, weight: weight.trace?.index, bias: bias.trace?.index)
            ] gradient, cotangents in
            let sums = Tensor(repeating: 0, shape: [width])
            let products = Tensor(repeating: 0, shape: [width])
            withExtendedLifetime((x, weight, gradient, mean, deviations, sums, products)) {
                let (dy, x, weight) = (gradient.base, x.base, weight.base)
                let (mean, scale) = (mean.base, deviations.base)
                let (sums, products) = (sums.mutableBase, products.mutableBase)
                inColumns(of: width) { columns in
                    for r in 0..<rows {
                        for j in columns {
                            sums[j] += dy[r * width + j]
                            products[j] +=
                                dy[r * width + j] * (x[r * width + j] - mean[j]) * scale[j]
                        }
                    }
                }
                cotangents.update(indices.x, shape: [rows, width]) { target, isSum in
                    inColumns(of: width) { columns in
                        for r in 0..<rows {
                            for j in columns {
                                let i = r * width + j
                                let n = (x[i] - mean[j]) * scale[j]
                                let share =
                                    weight[j] * scale[j]
                                    * (dy[i] - (sums[j] + n * products[j]) / Float(rows))
                                target[i] = isSum ? target[i] + share : share
                            }
                        }
                    }
                }
            }
            cotangents.add(products.reshaped(to: weight.shape), to: indices.weight)
            cotangents.add(sums.reshaped(to: biasShape), to: indices.bias)
        }
    }
}

/// Runs `body` over 0..<width in pieces of one size, in parallel.
private func inColumns(of width: Int, _ body: (Range<Int>) -> Void) {
    let length = 64
    Parallelism.perform(count: (width + length - 1) / length) {
        body($0 * length..<min(width, ($0 + 1) * length))
    }
}
