import Platform

extension Tensor {
    /// Batch normalisation (Ioffe and Szegedy 2015): `y = n weight + bias` with `n = (x - mean) / sqrt(variance +
    /// epsilon)`, mean and variance taken over the rows of each column.
    ///
    /// With g = dy weight: `dx = (g - mean(g) - n mean(g n)) / sqrt(variance + epsilon)`, means over the rows; the
    /// gradient of weight is the sum of `dy n`, that of bias the sum of `dy`. The pullback keeps x, weight and the
    /// statistics.
    ///
    /// - Parameters:
    ///   - weight: `[width]`.
    ///   - bias: `[width]`.
    ///   - epsilon: added to the variance.
    /// - Returns: `[rows, width]`, the shape of x.
    /// - Precondition: there is at least one row.
    /// - Complexity: O(count).
    public func batchNorm(weight: Tensor, bias: Tensor, epsilon: Float) -> Tensor {
        require(
            shape.rank == 2 && weight.count == shape[1] && bias.count == shape[1] && shape[0] > 0,
            "batchNorm: \(shape) with weight \(weight.shape) and bias \(bias.shape)")
        let (rows, width) = (shape[0], shape[1])
        let result = Tensor(uninitialized: shape)
        // First row: the means; second row: 1 / sqrt(variance + epsilon).
        let statistics = Tensor(uninitialized: [2, width])
        withExtendedLifetime((self, weight, bias, result, statistics)) {
            let (x, y, weight, bias) = (base, result.mutableBase, weight.base, bias.base)
            let mean = statistics.mutableBase
            let scale = mean + width
            inColumns(of: width) { columns in
                for j in columns { (mean[j], scale[j]) = (0, 0) }
                for r in 0..<rows {
                    for j in columns { mean[j] += x[r * width + j] }
                }
                for j in columns { mean[j] /= Float(rows) }
                for r in 0..<rows {
                    for j in columns {
                        let d = x[r * width + j] - mean[j]
                        scale[j] += d * d
                    }
                }
                for j in columns { scale[j] = 1 / (scale[j] / Float(rows) + epsilon).squareRoot() }
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
            // First row: the sum of dy in each column; second row: that of dy n.
            let totals = Tensor(repeating: 0, shape: [2, width])
            withExtendedLifetime((x, weight, gradient, statistics, totals)) {
                let (dy, x, weight) = (gradient.base, x.base, weight.base)
                let mean = statistics.base
                let scale = mean + width
                let sums = totals.mutableBase
                let products = sums + width
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
            cotangents.add(totals.rows(1..<2).reshaped(to: weight.shape), to: indices.weight)
            cotangents.add(totals.rows(0..<1).reshaped(to: biasShape), to: indices.bias)
        }
    }
}

/// Runs `body` over 0..<width in pieces of equal size, in parallel.
private func inColumns(of width: Int, _ body: (Range<Int>) -> Void) {
    let length = 64
    Parallelism.perform(count: (width + length - 1) / length) {
        body($0 * length..<min(width, ($0 + 1) * length))
    }
}
