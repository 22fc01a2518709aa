import Foundation
import Tensors

extension Tensor {
    /// Turns rows of a teacher's outputs into distributions that together use all prototypes equally: three rounds
    /// of the Sinkhorn-Knopp algorithm (Caron et al. 2020, "SwAV"; `sinkhorn_knopp_teacher` of dinov2).
    ///
    ///     Q = exp(x / temperature);  three times: each column over its sum, then each row over its sum
    ///
    /// The largest output is subtracted first to avoid overflow; it cancels. Sums are in double precision. Columns are
    /// summed over the rows of all shares.
    ///
    /// - Parameters:
    ///   - shares: the outputs of each of this rank's shares, `[rows, columns]`; nil if a share has none.
    ///   - columns: the number of prototypes.
    ///   - temperature: the teacher's temperature.
    ///   - communicator: the ranks that hold the shares.
    /// - Returns: for each share `[rows, prototypes]`, constants whose rows sum to 1.
    /// - Complexity: O(elements).
    static func sinkhornKnopp(
        _ shares: [Tensor?], columns: Int, temperature: Double,
        across communicator: any Communicator
    ) -> [Tensor?] {
        let highest = communicator.maximum(
            shares.compactMap { $0?.withUnsafeElements { $0.max() } })
        let scale = Float(1 / temperature)
        var results = shares.map { $0?.exponentials(scale: scale, highest: highest) }
        for _ in 0..<3 {
            let sums = communicator.sum(results.map { $0.sumsOfColumns(columns) })
            // A prototype whose weights vanish in every row gets none: the inverse of a subnormal sum would be infinite.
            let factors = sums.map { $0 > leastSum ? Float(1 / ($0 * Double(columns))) : 0 }
            for index in results.indices { results[index]?.scaleColumns(factors) }
        }
        return results
    }

    private func exponentials(scale: Float, highest: Float) -> Tensor {
        var result = Tensor(uninitialized: shape)
        withUnsafePointers(writing: &result, reading: self) { target, source in
            inChunks(of: count) {
                for i in $0 { target[i] = exp(scale * (source[i] - highest)) }
            }
        }
        return result
    }

    /// Multiplies each column by its factor, then divides each row by its sum.
    private mutating func scaleColumns(_ factors: [Float]) {
        let (rows, columns) = (shape[0], factors.count)
        withUnsafePointers(writing: &self) { q in
            Parallelism.perform(count: rows) { row in
                let line = q + row * columns
                for column in 0..<columns { line[column] *= factors[column] }
                var sum = 0.0
                for i in 0..<columns { sum += Double(line[i]) }
                let factor = sum > leastSum ? Float(1 / sum) : 0
                for i in 0..<columns { line[i] *= factor }
            }
        }
    }
}

extension Tensor? {
    /// The sum of each column in double precision; zeros for no rows.
    fileprivate func sumsOfColumns(_ columns: Int) -> [Double] {
        [Double](unsafeUninitializedCapacity: columns) { buffer, initialized in
            initialized = columns
            buffer.initialize(repeating: 0)
            guard let self, let base = buffer.baseAddress else { return }
            nonisolated(unsafe) let sums = base
            withUnsafePointers(reading: self) { q in
                inChunks(of: columns) { chunk in
                    for row in 0..<self.shape[0] {
                        for column in chunk { sums[column] += Double(q[row * columns + column]) }
                    }
                }
            }
        }
    }
}

/// The least sum of weights whose inverse, and the products with it, are safely within the range of single precision.
private let leastSum = 0x1p-100
