import CBLAS

/// A matrix laid over memory that somebody else owns; element (r, c) lies at
/// `base[r * rowStride + c * columnStride]`.
package struct MatrixView {
    package let base: UnsafePointer<Float>
    package let rows: Int
    package let columns: Int
    package let rowStride: Int
    package let columnStride: Int

    package init(
        _ base: UnsafePointer<Float>, rows: Int, columns: Int, rowStride: Int? = nil,
        columnStride: Int = 1
    ) {
        self.base = base
        self.rows = rows
        self.columns = columns
        self.rowStride = rowStride ?? columns
        self.columnStride = columnStride
    }

    /// The same elements with rows and columns exchanged.
    package var transposed: MatrixView {
        MatrixView(
            base, rows: columns, columns: rows, rowStride: columnStride, columnStride: rowStride)
    }
}

/// The one door for matrix products: `C = A · B`, C row-major with `rowStride` floats from row to row.
package func multiply(
    _ a: MatrixView, _ b: MatrixView, into c: UnsafeMutablePointer<Float>, rowStride: Int
) {
    precondition(
        a.columns == b.rows,
        "multiply: \(a.rows)x\(a.columns) by \(b.rows)x\(b.columns)")
    cblas_sgemm(
        CblasRowMajor, a.columnStride == 1 ? CblasNoTrans : CblasTrans,
        b.columnStride == 1 ? CblasNoTrans : CblasTrans, Int32(a.rows), Int32(b.columns),
        Int32(a.columns), 1, a.base, Int32(a.columnStride == 1 ? a.rowStride : a.columnStride),
        b.base, Int32(b.columnStride == 1 ? b.rowStride : b.columnStride), 0, c, Int32(rowStride))
}

extension Tensor {
    /// The product of two matrices `[m, k]` and `[k, n]`: `[m, n]`. Complexity: O(m k n).
    public func product(_ other: Tensor) -> Tensor {
        precondition(
            shape.rank == 2 && other.shape.rank == 2 && shape[1] == other.shape[0],
            "product: \(shape) by \(other.shape)")
        return withUnsafeElements { a in
            other.withUnsafeElements { b in
                Tensor(shape: [shape[0], other.shape[1]]) { c in
                    guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress else {
                        return
                    }
                    multiply(
                        MatrixView(a, rows: shape[0], columns: shape[1]),
                        MatrixView(b, rows: other.shape[0], columns: other.shape[1]),
                        into: c, rowStride: other.shape[1])
                }
            }
        }
    }

    /// The product of a matrix `[m, k]` with the transpose of `[n, k]`: `[m, n]`.
    /// Complexity: O(m k n).
    public func product(transposed other: Tensor) -> Tensor {
        precondition(
            shape.rank == 2 && other.shape.rank == 2 && shape[1] == other.shape[1],
            "product: \(shape) by the transpose of \(other.shape)")
        return withUnsafeElements { a in
            other.withUnsafeElements { b in
                Tensor(shape: [shape[0], other.shape[0]]) { c in
                    guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress else {
                        return
                    }
                    multiply(
                        MatrixView(a, rows: shape[0], columns: shape[1]),
                        MatrixView(b, rows: other.shape[0], columns: other.shape[1]).transposed,
                        into: c, rowStride: other.shape[0])
                }
            }
        }
    }
}
