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
        Tensor.batchNorm(
            [self], weights: [weight], biases: [bias], epsilon: epsilon, across: Alone())[0]
    }

    /// Batch normalisation of a batch that is cut into shares, with the statistics of all of them: the shares' sums are
    /// added up in the order of `Communicator.sum`, in the backward pass too.
    ///
    /// - Parameters:
    ///   - parts: this rank's shares, `[rows, width]` each.
    ///   - weights: `[width]` for each share, with equal elements: each share has its own gradient.
    ///   - biases: likewise.
    ///   - epsilon: added to the variance.
    ///   - communicator: the ranks that hold the shares.
    /// - Returns: a tensor for each share.
    /// - Precondition: each share has at least one row.
    /// - Complexity: O(count).
    package static func batchNorm(
        _ parts: [Tensor], weights: [Tensor], biases: [Tensor], epsilon: Float,
        across communicator: any Communicator
    ) -> [Tensor] {
        require(
            weights.count == parts.count && biases.count == parts.count
                && parts.indices.allSatisfy {
                    parts[$0].shape.rank == 2 && parts[$0].shape[0] > 0
                        && weights[$0].count == parts[$0].shape[1]
                        && biases[$0].count == parts[$0].shape[1]
                },
            "batchNorm: \(parts.map(\.shape)) with weights \(weights.map(\.shape)) and biases"
                + " \(biases.map(\.shape))")
        let width = parts[0].shape[1]
        let rows = Float(
            communicator.sum([parts.reduce(into: [0.0]) { $0[0] += Double($1.shape[0]) }])[0])
        let statistics = statistics(of: parts, rows: rows, epsilon: epsilon, across: communicator)
        let results = parts.indices.map { index in
            let part = parts[index]
            var result = Tensor(uninitialized: part.shape)
            withUnsafePointers(
                writing: &result, reading: part, weights[index], biases[index], statistics
            ) { y, x, weight, bias, mean in
                let scale = mean + width
                inColumns(of: width) { columns in
                    for r in 0..<part.shape[0] {
                        for j in columns {
                            y[r * width + j] =
                                (x[r * width + j] - mean[j]) * scale[j] * weight[j] + bias[j]
                        }
                    }
                }
            }
            return result
        }
        let tapes = parts.indices.map { Tape.of(parts[$0], weights[$0], biases[$0]) }
        guard let tape = tapes.lazy.compactMap(\.self).first else { return results }
        let shares = parts.indices.map { BatchNormShare(parts[$0], weights[$0], biases[$0]) }
        // The shares' results are recorded one by one, and their gradients collected. The record before them, which is
        // replayed after them, computes the gradients of all inputs at once.
        let collected = CollectedGradients(count: parts.count)
        let joint = tape.record(Tensor(repeating: 0, shape: [])) { _, cotangents in
            let gradients = zip(collected.take(), shares).map {
                $0 ?? Tensor(repeating: 0, shape: $1.x.shape)
            }
            let own = zip(shares, gradients).map { $0.sums($1, statistics) }
            let totals = communicator.sum(own)
            for (share, (gradient, sums)) in zip(shares, zip(gradients, own)) {
                share.addGradients(
                    gradient, own: sums, totals: totals, statistics, rows: rows, to: &cotangents)
            }
        }
        return results.enumerated().map { index, result in
            tape.record(result) { gradient, cotangents in
                collected.set(index, gradient)
                cotangents.add(Tensor(repeating: 0, shape: []), to: joint.trace?.index)
            }
        }
    }

    /// First row: the means; second row: `1 / sqrt(variance + epsilon)`.
    private static func statistics(
        of parts: [Tensor], rows: Float, epsilon: Float, across communicator: any Communicator
    ) -> Tensor {
        let width = parts[0].shape[1]
        func sum(_ term: (UnsafePointer<Float>, _ row: Int, _ column: Int) -> Float) -> Tensor {
            communicator.sum(
                parts.map { part in
                    var sums = Tensor(repeating: 0, shape: [width])
                    withUnsafePointers(writing: &sums, reading: part) { sums, x in
                        inColumns(of: width) { columns in
                            for r in 0..<part.shape[0] {
                                for j in columns { sums[j] += term(x, r, j) }
                            }
                        }
                    }
                    return sums
                })
        }
        var statistics = Tensor(uninitialized: [2, width])
        withUnsafePointers(writing: &statistics) { mean in
            let scale = mean + width
            sum { x, r, j in x[r * width + j] }.withUnsafeElements {
                for j in 0..<width { mean[j] = $0[j] / rows }
            }
            sum { x, r, j in
                let d = x[r * width + j] - mean[j]
                return d * d
            }.withUnsafeElements {
                for j in 0..<width { scale[j] = 1 / ($0[j] / rows + epsilon).squareRoot() }
            }
        }
        return statistics
    }
}

/// The inputs of a share.
private struct BatchNormShare {
    let x: Tensor
    private let weight: Tensor
    private let biasShape: Shape
    private let indices: (x: Int?, weight: Int?, bias: Int?)

    init(_ x: Tensor, _ weight: Tensor, _ bias: Tensor) {
        self.x = x.untracked
        self.weight = weight.untracked
        biasShape = bias.shape
        indices = (x.trace?.index, weight.trace?.index, bias.trace?.index)
    }

    /// First row: the sum of dy in each column; second row: that of dy n.
    func sums(_ gradient: Tensor, _ statistics: Tensor) -> Tensor {
        let (rows, width) = (x.shape[0], x.shape[1])
        var totals = Tensor(repeating: 0, shape: [2, width])
        withUnsafePointers(writing: &totals, reading: gradient, x, statistics) {
            sums, dy, x, mean in
            let scale = mean + width
            let products = sums + width
            inColumns(of: width) { columns in
                for r in 0..<rows {
                    for j in columns {
                        sums[j] += dy[r * width + j]
                        products[j] += dy[r * width + j] * (x[r * width + j] - mean[j]) * scale[j]
                    }
                }
            }
        }
        return totals
    }

    func addGradients(
        _ gradient: Tensor, own: Tensor, totals: Tensor, _ statistics: Tensor, rows: Float,
        to cotangents: inout Cotangents
    ) {
        let width = x.shape[1]
        cotangents.update(indices.x, shape: x.shape) { target, isSum in
            withUnsafePointers(reading: gradient, x, weight, statistics, totals) {
                dy, x, weight, mean, sums in
                let scale = mean + width
                let products = sums + width
                inColumns(of: width) { columns in
                    for r in 0..<self.x.shape[0] {
                        for j in columns {
                            let i = r * width + j
                            let n = (x[i] - mean[j]) * scale[j]
                            let share =
                                weight[j] * scale[j]
                                * (dy[i] - (sums[j] + n * products[j]) / rows)
                            target[i] = isSum ? target[i] + share : share
                        }
                    }
                }
            }
        }
        cotangents.add(own.rows(1..<2).reshaped(to: weight.shape), to: indices.weight)
        cotangents.add(own.rows(0..<1).reshaped(to: biasShape), to: indices.bias)
    }
}

/// The gradients of several results until all are known.
private final class CollectedGradients {
    private var gradients: [Tensor?]

    init(count: Int) { gradients = Array(repeating: nil, count: count) }

    func set(_ index: Int, _ gradient: Tensor) { gradients[index] = gradient }

    func take() -> [Tensor?] {
        defer { gradients = Array(repeating: nil, count: gradients.count) }
        return gradients
    }
}

/// Runs `body` over 0..<width in pieces of equal size, in parallel.
private func inColumns(of width: Int, _ body: (Range<Int>) -> Void) {
    let length = 64
    Parallelism.perform(count: (width + length - 1) / length) {
        body($0 * length..<min(width, ($0 + 1) * length))
    }
}
