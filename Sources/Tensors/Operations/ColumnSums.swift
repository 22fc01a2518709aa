import Platform

extension MatrixView {
    /// Writes the sum of each column, or adds it to the contents; this computes a bias's gradient.
    ///
    /// Rows are summed in blocks of fixed size, then the blocks.
    ///
    /// - Precondition: rows are contiguous.
    func addColumnSums(to sums: UnsafeMutablePointer<Float>, isSum: Bool) {
        require(columnStride == 1, "addColumnSums: columns \(columnStride) apart")
        let rowsPerBlock = 128
        let blocks = (rows + rowsPerBlock - 1) / rowsPerBlock
        withUnsafePointers(reading: Storage(count: blocks * columns)) { partial in
            Parallelism.perform(count: blocks) { block in
                let first = block * rowsPerBlock
                let target = partial + block * columns
                target.update(repeating: 0, count: columns)
                Kernels.best.column_sums(
                    min(rowsPerBlock, rows - first), columns, base + first * rowStride, rowStride,
                    target)
            }
            if !isSum { sums.update(repeating: 0, count: columns) }
            Kernels.best.column_sums(blocks, columns, partial, columns, sums)
        }
    }
}
