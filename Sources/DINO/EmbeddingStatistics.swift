import Tensors

/// How much the embeddings of a batch differ from each other.
public struct EmbeddingStatistics: Sendable, Hashable {
    /// The standard deviation over the rows, the mean over the channels.
    public let deviation: Double
    /// The effective rank of the covariance, `(sum of its eigenvalues)² / (sum of their squares)`
    /// (Bartlett et al. 2020, definition 3; also called the participation ratio): 1 where all lie on
    /// a line, the number of channels where they spread evenly; 0 where all are the same.
    public let rank: Double

    /// - Parameter embeddings: `[rows, width]`.
    /// - Complexity: O(min(rows, width) x rows x width): the two sums are the trace and the squared
    ///   Frobenius norm, of the covariance as of the smaller matrix of the rows' products.
    public init(_ embeddings: Tensor) {
        precondition(embeddings.shape.rank == 2, "EmbeddingStatistics: \(embeddings.shape)")
        let rows = embeddings.shape[0]
        let width = embeddings.shape[1]
        let centred = Tensor(uninitialized: embeddings.shape)
        var deviations = 0.0
        withExtendedLifetime((embeddings, centred)) {
            for channel in 0..<width {
                var sum = 0.0
                for row in 0..<rows { sum += Double(embeddings.base[row * width + channel]) }
                let mean = sum / Double(rows)
                var squares = 0.0
                for row in 0..<rows {
                    let value = Double(embeddings.base[row * width + channel]) - mean
                    centred.mutableBase[row * width + channel] = Float(value)
                    squares += value * value
                }
                deviations += (squares / Double(rows)).squareRoot()
            }
        }
        deviation = deviations / Double(width)
        let side = min(rows, width)
        let products = Tensor(uninitialized: [side, side])
        let (trace, squares) = withExtendedLifetime((centred, products)) {
            let view = MatrixView(centred.base, rows: rows, columns: width)
            multiply(
                rows <= width ? view : view.transposed, rows <= width ? view.transposed : view,
                into: products.mutableBase, rowStride: side)
            var trace = 0.0
            var squares = 0.0
            for row in 0..<side {
                trace += Double(products.base[row * (side + 1)])
                for column in 0..<side {
                    let value = Double(products.base[row * side + column])
                    squares += value * value
                }
            }
            return (trace, squares)
        }
        rank = squares > 0 ? trace * trace / squares : 0
    }
}
