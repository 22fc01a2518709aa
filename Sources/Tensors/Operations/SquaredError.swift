internal import CKernels
import Platform

extension Tensor {
    /// The sum of squared differences from a constant: `Σ (x - t)²`, with `dx = 2 (x - t)` times the gradient of the
    /// sum. The pullback keeps x - t.
    ///
    /// - Parameter targets: the constants t, of this tensor's shape.
    /// - Returns: a scalar.
    /// - Complexity: O(count).
    public func squaredError(to targets: Tensor) -> Tensor {
        require(
            targets.shape == shape && !targets.isTracked,
            "squaredError: \(shape) to \(targets.shape)")
        let width = max(shape.rank > 0 ? shape[-1] : 1, 1)
        let rows = count / width
        var differences = Tensor(uninitialized: shape)
        var sums = Tensor(repeating: 0, shape: [rowBlocks(rows)])
        withUnsafePointers(writing: &differences, &sums, reading: self, targets) {
            target, sums, x, targets in
            inRowBlocks(of: rows) { block, rows in
                let elements = rows.lowerBound * width..<rows.upperBound * width
                for i in elements { target[i] = x[i] - targets[i] }
                let first = target + elements.lowerBound
                sums[block] = Float(Kernels.best.dot(elements.count, first, first))
            }
        }
        let total = sums.elements.reduce(0.0) { $0 + Double($1) }
        let result = Tensor(repeating: Float(total), shape: [])
        guard let trace else { return result }
        return trace.tape.record(result) {
            [shape, index = trace.index, differences] gradient, cotangents in
            let factor = 2 * gradient[]
            cotangents.update(index, shape: shape) { sum, isSum in
                withUnsafePointers(reading: differences) { source in
                    inChunks(of: shape.count) { chunk in
                        for i in chunk { sum[i] = (isSum ? sum[i] : 0) + factor * source[i] }
                    }
                }
            }
        }
    }
}
