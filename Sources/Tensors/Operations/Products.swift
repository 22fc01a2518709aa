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
        let result = Tensor(uninitialized: [shape[0], columns])
        withExtendedLifetime((self, other, result)) {
            multiply(
                matrix, isTransposed ? other.matrix.transposed : other.matrix,
                into: result.mutableBase, rowStride: columns)
        }
        guard let tape = Tape.of(self, other) else { return result }
        return tape.record(result) {
            [a = untracked, b = other.untracked, indices = (a: trace?.index, b: other.trace?.index)]
            gradient, cotangents in
            withExtendedLifetime((a, b, gradient)) {
                let rows = gradient.matrix
                cotangents.update(indices.a, shape: a.shape) {
                    multiply(
                        rows, isTransposed ? b.matrix : b.matrix.transposed, into: $0,
                        rowStride: a.shape[1], accumulates: $1)
                }
                cotangents.update(indices.b, shape: b.shape) {
                    multiply(
                        isTransposed ? rows.transposed : a.matrix.transposed,
                        isTransposed ? a.matrix : rows, into: $0, rowStride: b.shape[1],
                        accumulates: $1)
                }
            }
        }
    }
}
