import CBLAS
package import CKernels

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

/// What becomes of a matrix product before it is stored: `activation(C + bias) + residual`, or the
/// sum with what C holds.
package typealias Epilogue = ck_epilogue

extension Epilogue {
    package init(
        bias: UnsafePointer<Float>?, residual: UnsafePointer<Float>?, residual_row_stride: Int,
        gelu: Bool
    ) {
        self.init()
        self.bias = bias
        self.residual = residual
        self.residual_row_stride = residual_row_stride
        self.gelu = gelu
    }

    /// Whether the product is added to what is there.
    package init(accumulates: Bool) {
        self.init()
        self.accumulates = accumulates
    }
}

/// The one door for matrix products: `C = activation(A B + bias) + residual`, C row-major with
/// `rowStride` floats from row to row.
///
/// Our own kernel does it where the processor has fused multiply-adds, BLAS elsewhere: a BLAS may
/// take code ten times too slow for a processor that it does not know, and cannot be told better
/// once it is loaded. C is cut into blocks by its shape alone, and each element's sum runs over k in
/// an order that depends on k alone.
///
/// Complexity: O(m k n) arithmetic; scratch memory of 384 x 192 floats a thread.
package func multiply(
    _ a: MatrixView, _ b: MatrixView, into c: UnsafeMutablePointer<Float>, rowStride: Int,
    epilogue: Epilogue = Epilogue(), kernels: Kernels = .best
) {
    precondition(
        a.columns == b.rows, "multiply: \(a.rows)x\(a.columns) by \(b.rows)x\(b.columns)")
    let m = a.rows
    let n = b.columns
    let k = a.columns
    guard m > 0, n > 0 else { return }

    // Some instruction sets want the left factor in a form of their own, all of them its rows.
    let isPrepared =
        kernels.balance != nil || a.isTransposed && m > 1 && kernels.has_fused_multiply_add
    let prepared = isPrepared ? a.prepared(for: kernels) : nil
    let a =
        prepared.map { MatrixView($0.base, rows: m, columns: k, rowStride: $0.shape[1]) } ?? a

    // Blocks narrow enough that their packed columns stay in the second-level cache, and low enough
    // that no thread waits long for the last: an even number of them, and more than two where that
    // leaves them rows enough to be worth the packing.
    let width = 192
    let acrossCount = (n + width - 1) / width
    var downCount = (m + 2047) / 2048
    while m / (downCount + 1) >= 96 {
        let count = acrossCount * downCount
        guard count % 2 != 0 || count < 4 && m / (downCount + 1) >= 512 else { break }
        downCount += 1
    }
    defer { withExtendedLifetime(prepared) {} }
    Parallelism.perform(count: acrossCount * downCount) { task in
        let down = task / acrossCount
        let firstRow = m * down / downCount
        let rows = m * (down + 1) / downCount - firstRow
        let firstColumn = task % acrossCount * width
        let columns = min(width, n - firstColumn)
        let block = c + firstRow * rowStride + firstColumn
        let left = a.base + firstRow * a.rowStride
        let right = b.base + firstColumn * b.columnStride
        var blockEpilogue = epilogue
        blockEpilogue.bias = epilogue.bias.map { $0 + firstColumn }
        blockEpilogue.residual = epilogue.residual.map {
            $0 + firstRow * epilogue.residual_row_stride + firstColumn
        }
        blockEpilogue.before = epilogue.before.map {
            $0 + firstRow * epilogue.before_row_stride + firstColumn
        }
        let orders =
            kernels.has_fused_multiply_add
            ? nil : a.blasOrder.flatMap { a in b.blasOrder.map { (a, $0) } }
        if let (a, b) = orders {
            cblas_sgemm(
                CblasRowMajor, a.transposition, b.transposition, Int32(rows), Int32(columns),
                Int32(k), 1, left, a.leadingDimension, right, b.leadingDimension,
                epilogue.accumulates ? 1 : 0, block, Int32(rowStride))
            kernels.finish(rows, columns, block, rowStride, blockEpilogue)
        } else {
            let scratch = Scratch(count: ck_product_scratch(columns))
            kernels.product(
                rows, columns, k, left, a.rowStride, a.columnStride, right, b.rowStride,
                b.columnStride, block, rowStride, blockEpilogue, scratch.base)
        }
    }
}

extension MatrixView {
    /// Whether the columns are contiguous and the rows are not.
    fileprivate var isTransposed: Bool { rowStride == 1 && columnStride != 1 }

    /// The rows as `Kernels.product` takes them: laid out contiguous where they are not (read where it
    /// lies, each element of a row would come from another page), and balanced where it wants that.
    ///
    /// - Returns: `[rows, stride]`, the stride being what `Kernels.balance` needs.
    fileprivate func prepared(for kernels: Kernels) -> Tensor {
        let stride = kernels.balance == nil ? columns : ck_balanced_row(columns)
        let result = Tensor(uninitialized: [rows, stride])
        let rowsPerTask = 64
        withExtendedLifetime(result) {
            Parallelism.perform(count: (rows + rowsPerTask - 1) / rowsPerTask) { task in
                let first = task * rowsPerTask
                let count = min(rowsPerTask, rows - first)
                let target = result.mutableBase + first * stride
                var source = MatrixView(
                    base + first * rowStride, rows: count, columns: columns, rowStride: rowStride,
                    columnStride: columnStride)
                if isTransposed && rows > 1 {
                    // Pieces of 64 lines of the cache on either side.
                    for start in Swift.stride(from: 0, to: columns, by: 64) {
                        kernels.transpose(
                            min(64, columns - start), count, source.base + start * columnStride,
                            columnStride, target + start, stride)
                    }
                    source = MatrixView(target, rows: count, columns: columns, rowStride: stride)
                }
                // In place where the rows have just been laid out.
                kernels.balance?(
                    count, columns, source.base, source.rowStride, source.columnStride, target)
            }
        }
        return result
    }

    /// How BLAS is told of the matrix, or nil where neither rows nor columns are contiguous, there
    /// are none, or its 32-bit sizes do not suffice.
    fileprivate var blasOrder: (transposition: CBLAS_TRANSPOSE, leadingDimension: Int32)? {
        guard columns > 0, max(rows, columns, rowStride, columnStride) <= Int(Int32.max) else {
            return nil
        }
        // A single row or column may look contiguous both ways, but BLAS takes it in one alone.
        if columnStride == 1 && rowStride >= columns { return (CblasNoTrans, Int32(rowStride)) }
        if rowStride == 1 && columnStride >= rows { return (CblasTrans, Int32(columnStride)) }
        return nil
    }
}

extension Tensor {
    /// All elements as a matrix whose columns are the innermost dimension. Whoever reads through it
    /// keeps the tensor alive meanwhile (`withExtendedLifetime`).
    var matrix: MatrixView {
        let columns = shape.rank > 0 ? shape[-1] : 1
        let rows = Shape(shape.dimensions.dropLast()).count
        return MatrixView(base, rows: rows, columns: columns)
    }
}
