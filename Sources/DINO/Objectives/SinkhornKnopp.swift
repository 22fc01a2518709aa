import Foundation
import Tensors

extension Tensor {
    /// Turns rows of a teacher's outputs into distributions that together use all prototypes equally: three rounds
    /// of the Sinkhorn-Knopp algorithm (Caron et al. 2020, "SwAV"; `sinkhorn_knopp_teacher` of dinov2).
    ///
    ///     Q = exp(x / temperature);  three times: each column over its sum, then each row over its sum
    ///
    /// The largest output is subtracted first to avoid overflow; it cancels. Sums are in double precision.
    ///
    /// - Returns: `[rows, prototypes]`, constants whose rows sum to 1.
    /// - Complexity: O(count).
    func sinkhornKnopp(temperature: Double, rounds: Int = 3) -> Tensor {
        let (rows, columns) = (shape[0], shape[1])
        let result = Tensor(uninitialized: shape)
        let highest = withUnsafeElements { $0.max() ?? 0 }
        let scale = Float(1 / temperature)
        withExtendedLifetime((self, result)) {
            let q = result.mutableBase
            inChunks(of: count) { for i in $0 { q[i] = exp(scale * (base[i] - highest)) } }
            for _ in 0..<rounds {
                inChunks(of: columns) { chunk in
                    for column in chunk {
                        var sum = 0.0
                        for row in 0..<rows { sum += Double(q[row * columns + column]) }
                        // A prototype with zero weight in every row stays at zero.
                        let factor = sum > 0 ? Float(1 / (sum * Double(columns))) : 0
                        for row in 0..<rows { q[row * columns + column] *= factor }
                    }
                }
                Parallelism.perform(count: rows) { row in
                    let line = q + row * columns
                    var sum = 0.0
                    for i in 0..<columns { sum += Double(line[i]) }
                    let factor = sum > 0 ? Float(1 / sum) : 0
                    for i in 0..<columns { line[i] *= factor }
                }
            }
        }
        return result
    }
}
