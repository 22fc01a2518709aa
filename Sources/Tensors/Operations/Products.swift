import Platform

extension Tensor {
    /// The product C = A B of this matrix `[m, k]` and another `[k, n]`: `[m, n]`.
    ///
    /// `dA = dC Bᵀ`, `dB = Aᵀ dC`; the pullback keeps A and B.
    ///
    /// - Complexity: O(m k n).
    public func product(_ other: Tensor) -> Tensor {
        require(
            shape.rank == 2 && other.shape.rank == 2 && shape[1] == other.shape[0],
            "product: \(shape) by \(other.shape)")
        return product(other, isTransposed: false)
    }

    /// The product C = A Bᵀ of this matrix `[m, k]` and the transpose of another `[n, k]`: `[m, n]`.
    ///
    /// `dA = dC B`, `dB = dCᵀ A`; the pullback keeps A and B.
    ///
    /// - Complexity: O(m k n).
    public func product(transposed other: Tensor) -> Tensor {
        require(
            shape.rank == 2 && other.shape.rank == 2 && shape[1] == other.shape[1],
            "product: \(shape) by the transpose of \(other.shape)")
        return product(other, isTransposed: true)
    }

    private func product(_ other: Tensor, isTransposed: Bool) -> Tensor {
        let columns = other.shape[isTransposed ? 0 : 1]
        var result = Tensor(uninitialized: [shape[0], columns])
        withUnsafePointers(writing: &result, reading: self, other) {
            let factor = MatrixView($2, other.shape)
            multiply(
                MatrixView($1, shape), isTransposed ? factor.transposed : factor, into: $0,
                rowStride: columns)
        }
        guard let tape = Tape.of(self, other) else { return result }
        return tape.record(result) {
            [a = untracked, b = other.untracked, indices = (a: trace?.index, b: other.trace?.index)]
            gradient, cotangents in
            let shapes = (a: a.shape, b: b.shape)
            withUnsafePointers(reading: a, b, gradient) { [shape = gradient.shape] in
                let (a, b) = (MatrixView($0, shapes.a), MatrixView($1, shapes.b))
                let rows = MatrixView($2, shape)
                cotangents.update(indices.a, shape: shapes.a) {
                    multiply(
                        rows, isTransposed ? b : b.transposed, into: $0, rowStride: a.columns,
                        accumulates: $1)
                }
                cotangents.update(indices.b, shape: shapes.b) {
                    multiply(
                        isTransposed ? rows.transposed : a.transposed, isTransposed ? a : rows,
                        into: $0, rowStride: b.columns, accumulates: $1)
                }
            }
        }
    }
}
