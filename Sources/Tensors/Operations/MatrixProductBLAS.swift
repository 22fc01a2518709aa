import CBLAS
internal import CKernels

extension BlockedProduct {
    /// Computes the product with BLAS if it supports the layout of the factors; returns whether it did.
    func computeWithBLAS() -> Bool {
        let mapped = [a, b].map { Storage(count: $0.isMapped ? $0.rows * $0.columns : 0) }
        return withUnsafePointers(reading: mapped[0], mapped[1]) {
            computeWithBLAS(
                a.isMapped ? a.laidOut(at: $0, kernels) : a,
                b.isMapped ? b.laidOut(at: $1, kernels) : b)
        }
    }

    private func computeWithBLAS(_ a: MatrixView, _ b: MatrixView) -> Bool {
        guard let left = a.blasOrder, let right = b.blasOrder else { return false }
        let (rowsPerTask, columnsPerTask) = (2048, 192)
        let across = (b.columns + columnsPerTask - 1) / columnsPerTask
        let down = (a.rows + rowsPerTask - 1) / rowsPerTask
        Parallelism.perform(count: across * down) { task in
            let row = task / across * rowsPerTask
            let column = task % across * columnsPerTask
            let rows = min(rowsPerTask, a.rows - row)
            let columns = min(columnsPerTask, b.columns - column)
            let block = c + row * rowStride + column
            cblas_sgemm(
                CblasRowMajor, left.transposition, right.transposition, Int32(rows),
                Int32(columns), Int32(a.columns), 1, a.base + row * a.rowStride,
                left.leadingDimension, b.base + column * b.columnStride, right.leadingDimension,
                accumulates ? 1 : 0, block, Int32(rowStride))
            if let epilogue {
                kernels.finish(
                    rows, columns, block, rowStride, epilogue.part(row: row, column: column))
            }
        }
        return true
    }
}

extension MatrixView {
    /// The matrix's layout as BLAS arguments; nil if neither rows nor columns are contiguous, there are none, or a size
    /// exceeds 32 bits.
    fileprivate var blasOrder: (transposition: CBLAS_TRANSPOSE, leadingDimension: Int32)? {
        guard columns > 0, max(rows, columns, rowStride, columnStride) <= Int(Int32.max) else {
            return nil
        }
        // A single row or column may look contiguous both ways, but BLAS accepts only one of them.
        if columnStride == 1 && rowStride >= columns { return (CblasNoTrans, Int32(rowStride)) }
        if rowStride == 1 && columnStride >= rows { return (CblasTrans, Int32(columnStride)) }
        return nil
    }
}
