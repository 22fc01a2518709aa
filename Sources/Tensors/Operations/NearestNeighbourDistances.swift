internal import CKernels
import Foundation
import Platform

extension Tensor {
    /// Measures how close the rows of a matrix are to their nearest neighbours: the mean of `-ln(|y_i - y_j + e| + e)`
    /// over the rows y, with e = 1e-8 in each component, where j is the other row with the largest product with y_i.
    ///
    /// For rows of length 1 this is, up to constants, the negative of Kozachenko and Leonenko's estimate of the entropy
    /// of their distribution (Sablayrolles et al. 2019; KoLeoLoss of dinov2).
    ///
    /// With `g_i = -(y_i - y_j + e) / (n d_i (d_i + e))`, d the distance, row i receives g_i and its neighbour -g_i.
    /// The pullback keeps y, the neighbours and the distances. This tensor is `[n, width]`.
    ///
    /// - Returns: a scalar.
    /// - Precondition: there are at least two rows.
    /// - Complexity: O(n² width).
    public func nearestNeighbourCloseness() -> Tensor {
        require(
            shape.rank == 2 && shape[0] >= 2,
            "nearestNeighbourCloseness: \(shape) has no neighbours")
        let (rows, width) = (shape[0], shape[1])
        let epsilon: Float = 1e-8
        let y = untracked
        var neighbours = [Int](repeating: 0, count: rows)
        var distances = Tensor(uninitialized: [rows])
        withUnsafePointers(writing: &distances, reading: y) { distances, y in
            neighbours.withUnsafeMutableBufferPointer { neighbours in
                nonisolated(unsafe) let neighbours = neighbours
                Parallelism.perform(count: rows) { i in
                    var best = (product: -Double.infinity, row: 0)
                    for j in 0..<rows where j != i {
                        let product = Kernels.best.dot(width, y + i * width, y + j * width)
                        if product > best.product { best = (product, j) }
                    }
                    var sum = 0.0
                    for k in 0..<width {
                        let difference = Double(
                            y[i * width + k] - y[best.row * width + k] + epsilon)
                        sum += difference * difference
                    }
                    neighbours[i] = best.row
                    distances[i] = Float(sum.squareRoot())
                }
            }
        }
        let total = distances.elements.reduce(0.0) { $0 - log(Double($1) + Double(epsilon)) }
        let result = Tensor(repeating: Float(total / Double(rows)), shape: [])
        guard let trace else { return result }
        return trace.tape.record(result) {
            [shape, index = trace.index, neighbours, distances] gradient, cotangents in
            let factor = gradient[] / Float(rows)
            cotangents.add(to: index, shape: shape) { sum in
                withUnsafePointers(reading: y, distances) { y, distances in
                    // Sequential, because rows share neighbours.
                    for (i, j) in neighbours.enumerated() {
                        let distance = distances[i]
                        let share = -factor / (distance * (distance + epsilon))
                        for k in 0..<width {
                            let slope =
                                share * (y[i * width + k] - y[j * width + k] + epsilon)
                            sum[i * width + k] += slope
                            sum[j * width + k] -= slope
                        }
                    }
                }
            }
        }
    }
}
