internal import CKernels
import Platform

/// A view of a matrix in memory owned elsewhere; element (r, c) is at `base[r * rowStride + c * columnStride]`, with
/// `map` applied.
package struct MatrixView {
    /// A map applied to rows as a product reads them: the mapped values are never stored, which saves memory and the
    /// time to write and reread them.
    package enum Map {
        case identity
        /// The GELU of each element.
        case gelu
        /// Layer normalisation of each row; `weight` and `bias` have one element per column.
        case layerNorm(
            weight: UnsafePointer<Float>, bias: UnsafePointer<Float>, epsilon: Float)
    }

    package let base: UnsafePointer<Float>
    package let rows: Int
    package let columns: Int
    package let rowStride: Int
    package let columnStride: Int
    package let map: Map

    /// Creates a view; `rowStride` is `columns` by default.
    ///
    /// - Precondition: with a map, each row is contiguous.
    package init(
        _ base: UnsafePointer<Float>, rows: Int, columns: Int, rowStride: Int? = nil,
        columnStride: Int = 1, map: Map = .identity
    ) {
        self.base = base
        self.rows = rows
        self.columns = columns
        self.rowStride = rowStride ?? columns
        self.columnStride = columnStride
        self.map = map
        require(
            columnStride == 1 || !isMapped, "MatrixView: a map of columns \(columnStride) apart")
    }

    /// Creates a view of a tensor's elements; the columns are its innermost dimension.
    package init(_ base: UnsafePointer<Float>, _ shape: Shape, map: Map = .identity) {
        self.init(
            base, rows: Shape(shape.dimensions.dropLast()).count,
            columns: shape.rank > 0 ? shape[-1] : 1, map: map)
    }

    /// The same elements with rows and columns exchanged.
    package var transposed: MatrixView {
        require(!isMapped, "transposed: a map needs contiguous rows")
        return MatrixView(
            base, rows: columns, columns: rows, rowStride: columnStride, columnStride: rowStride)
    }

    /// A view of some rows.
    func rows(_ range: Range<Int>) -> MatrixView {
        MatrixView(
            base + range.lowerBound * rowStride, rows: range.count, columns: columns,
            rowStride: rowStride, columnStride: columnStride, map: map)
    }

    /// A view of some columns; with a layer norm, only of all.
    func columns(_ range: Range<Int>) -> MatrixView {
        if case .layerNorm = map {
            require(range.count == columns, "columns: a layer norm needs all columns")
        }
        return MatrixView(
            base + range.lowerBound * columnStride, rows: rows, columns: range.count,
            rowStride: rowStride, columnStride: columnStride, map: map)
    }

    /// The elements, without the map, as the kernels take them.
    var elements: ck_matrix {
        ck_matrix(first: base, row_stride: rowStride, column_stride: columnStride)
    }

    var isMapped: Bool { if case .identity = map { false } else { true } }

    var isLayerNorm: Bool { if case .layerNorm = map { true } else { false } }

    /// Whether the columns are contiguous and the rows are not.
    var isTransposed: Bool { rowStride == 1 && columnStride != 1 }

    /// Writes the mapped elements row by row, without gaps.
    ///
    /// - Returns: a view of them, without a map.
    func laidOut(at target: UnsafeMutablePointer<Float>, _ kernels: Kernels) -> MatrixView {
        switch map {
        case .gelu:
            kernels.gelu(rows, columns, base, rowStride, target, columns)
        case .layerNorm(let weight, let bias, let epsilon):
            kernels.layer_norm(
                rows, columns, base, rowStride, weight, bias, epsilon, target, columns)
        case .identity where isTransposed:
            // Pieces of 64 cache lines on either side.
            for start in Swift.stride(from: 0, to: columns, by: 64) {
                kernels.transpose(
                    min(64, columns - start), rows, base + start * columnStride, columnStride,
                    target + start, columns)
            }
        case .identity:
            for r in 0..<rows {
                let (source, line) = (base + r * rowStride, target + r * columns)
                for c in 0..<columns { line[c] = source[c * columnStride] }
            }
        }
        return MatrixView(target, rows: rows, columns: columns)
    }
}
