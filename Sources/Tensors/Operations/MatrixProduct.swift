package import CKernels
import Platform

/// Operations on a matrix product before it is stored; see `ck_epilogue`.
package typealias Epilogue = ck_epilogue

extension Epilogue {
    /// The epilogue for the part of C that starts at the given element.
    func part(row: Int, column: Int) -> Epilogue {
        var part = self
        part.bias = bias.map { $0 + column }
        part.residual = residual.map { $0 + row * residual_row_stride + column }
        part.slope_at = slope_at.map { $0 + row * slope_row_stride + column }
        return part
    }
}

/// The entry point for all matrix products: `C = (A B + bias + residual) gelu'(slope_at)`, where C is row-major with
/// `rowStride` floats from row to row, or `C += A B`.
///
/// The package's own kernel computes it if the processor has fused multiply-adds, BLAS otherwise: a BLAS may choose
/// code ten times too slow for a processor that it does not know, and cannot be configured once it is loaded. The shape
/// alone decides how C is split into blocks, and each element is summed over k in an order that depends on k alone.
///
/// - Parameters:
///   - a: the left factor, `[m, k]`.
///   - b: the right factor, `[k, n]`.
///   - packed: B in packed form, if available.
///   - c: memory for the product, `[m, n]`.
///   - rowStride: floats from one row of C to the next.
///   - accumulates: whether the product is added to C; there can be no epilogue then.
///   - epilogue: applied before the product is stored.
///   - kernels: the kernels to use.
/// - Complexity: O(m k n) arithmetic; memory for a copy of the smaller factor, and of B if the kernels split it, and
///   up to 520 KB per thread.
package func multiply(
    _ a: MatrixView, _ b: MatrixView, packed: PackedFactor? = nil,
    into c: UnsafeMutablePointer<Float>, rowStride: Int, accumulates: Bool = false,
    epilogue: Epilogue? = nil, kernels: Kernels = .best
) {
    require(
        a.columns == b.rows, "multiply: \(a.rows)x\(a.columns) by \(b.rows)x\(b.columns)")
    require(!accumulates || epilogue == nil, "multiply: a sum with an epilogue")
    guard a.rows > 0, b.columns > 0 else { return }
    let product = BlockedProduct(
        a: a, b: b, c: c, rowStride: rowStride, accumulates: accumulates, epilogue: epilogue,
        kernels: kernels)
    if !kernels.has_fused_multiply_add && product.computeWithBLAS() { return }
    if a.rows > b.columns || b.isLayerNorm || packed != nil && a.rows >= manyRows {
        product.multiplyByRows(packed ?? PackedFactor(b, kernels))
    } else {
        product.multiplyByColumns(packed)
    }
}

/// A product and how it is split. The smaller factor is converted to the kernel's layout as a whole, by all threads;
/// the larger one piece by piece, by the task that uses it, while it is in cache.
struct BlockedProduct {
    let a: MatrixView
    let b: MatrixView
    let c: UnsafeMutablePointer<Float>
    let rowStride: Int
    let accumulates: Bool
    let epilogue: Epilogue?
    let kernels: Kernels

    private var m: Int { a.rows }
    private var n: Int { b.columns }
    private var k: Int { a.columns }

    private var blocks: [Range<Int>] { b.depthBlocks }

    private var deepest: Int { blocks.lazy.map(\.count).max() ?? 0 }

    /// For many rows: B is packed as a whole, and each task computes some rows.
    func multiplyByRows(_ packed: PackedFactor) {
        let right = RightFactor(packed, b, kernels)
        let tasks = RowTasks(m, kernels)
        withUnsafePointers(reading: right) { factor in
            Parallelism.perform(count: tasks.count) {
                multiplyRows(tasks[$0], by: right, at: factor)
            }
        }
    }

    /// Computes some rows, from the start of a strip on, by the calling thread.
    ///
    /// - Parameter factor: the floats of `right`, which is B.
    func multiplyRows(
        _ range: Range<Int>, by right: RightFactor, at factor: UnsafePointer<Float>
    ) {
        withRows(range) { rows in
            let scratch = Storage(count: preparedCount(rows.rows, deepest))
            withUnsafePointers(reading: scratch) { lines in
                for (index, block) in blocks.enumerated() {
                    // After the last block comes the first, with which the next task begins.
                    let next = (index + 1) % blocks.count
                    multiply(
                        prepare(rows.columns(block), at: lines), block,
                        by: factor + right.places[index], next: factor + right.places[next],
                        row: range.lowerBound, columns: 0..<n)
                }
            }
        }
    }

    /// For many columns: A is converted as a whole, and each task computes some columns.
    func multiplyByColumns(_ packed: PackedFactor?) {
        let blocks = blocks
        let places = b.placesOfBlocks { preparedCount(m, $0) }
        let lines = Storage(count: needsPreparing ? places[blocks.count] : 0)
        withUnsafePointers(reading: lines, packed) { lines, factor in
            let pieces = (m + 63) / 64
            Parallelism.perform(count: needsPreparing ? pieces : 0) { piece in
                let first = 64 * piece
                withRows(first..<min(first + 64, m)) { rows in
                    for (block, place) in zip(blocks, places) {
                        _ = prepare(
                            rows.columns(block),
                            at: lines + place + preparedCount(first, block.count))
                    }
                }
            }

            // An even number of tasks, and more than two if that leaves each enough rows to be worth the packing, so
            // that no thread waits long for the last.
            let across = (n + groupWidth - 1) / groupWidth
            var down = (m + 2047) / 2048
            while m / (down + 1) >= fewRows {
                let count = across * down
                guard count % 2 != 0 || count < 4 && m / (down + 1) >= 512 else { break }
                down += 1
            }
            Parallelism.perform(count: across * down) { task in
                let rows = rowsOfShare(task / across, of: down, rows: m)
                let first = task % across * groupWidth
                let columns = first..<min(first + groupWidth, n)
                let scratch = Storage(
                    count: packed == nil ? ck_packed_block(deepest, columns.count) : 0)
                let copy = Storage(
                    count: kernels.split == nil ? 0 : ck_split_block(columns.count, deepest))
                withUnsafePointers(reading: scratch, copy) { scratch, copy in
                    for (index, (block, place)) in zip(blocks, places).enumerated() {
                        var right = UnsafePointer(scratch)
                        if let packed, let factor {
                            right = factor + packed.place(ofBlock: index, column: first)
                        } else {
                            b.pack(block, columns, into: scratch, kernels)
                        }
                        if let split = kernels.split {
                            split(block.count, columns.count, right, copy)
                            right = UnsafePointer(copy)
                        }
                        let left =
                            needsPreparing
                            ? MatrixView(
                                lines + place + preparedCount(rows.lowerBound, block.count),
                                rows: rows.count, columns: block.count)
                            : a.rows(rows).columns(block)
                        multiply(
                            left, block, by: right, next: nil, row: rows.lowerBound,
                            columns: columns)
                    }
                }
            }
        }
    }

    /// Multiplies one depth block for some rows and columns of C.
    private func multiply(
        _ left: MatrixView, _ block: Range<Int>, by packed: UnsafePointer<Float>,
        next: UnsafePointer<Float>?, row: Int, columns: Range<Int>
    ) {
        let isLast = block.upperBound == k
        let part = isLast ? epilogue?.part(row: row, column: columns.lowerBound) : nil
        kernels.product(
            ck_product_task(
                rows: left.rows, columns: columns.count, depth: block.count,
                left: left.elements, packed: packed, next: next,
                c: c + row * rowStride + columns.lowerBound, c_row_stride: rowStride,
                accumulates: accumulates || block.lowerBound > 0, epilogue: part ?? Epilogue()))
    }

    /// Calls `body` with some rows of A; a layer norm, which needs whole rows, is applied first.
    private func withRows(_ range: Range<Int>, _ body: (MatrixView) -> Void) {
        let rows = a.rows(range)
        guard rows.isLayerNorm else { return body(rows) }
        withUnsafePointers(reading: Storage(count: rows.rows * k)) {
            body(rows.laidOut(at: $0, kernels))
        }
    }

    /// Whether `prepare` has anything to do.
    private var needsPreparing: Bool {
        kernels.balance != nil || a.isMapped || a.columnStride != 1
    }

    /// Floats that `prepare` writes for a number of rows. Rows that start at a strip are stored at the offset that this
    /// gives for the rows before them.
    private func preparedCount(_ rows: Int, _ depth: Int) -> Int {
        if kernels.balance == nil { return rows * depth }
        return kernels.split == nil ? ck_balanced_block(rows, depth) : ck_split_block(rows, depth)
    }

    /// Converts rows of a depth block of A to the kernel's layout: balanced if the kernels require it, or copied if
    /// they have a map or are not contiguous (read in place, each element of a row would come from another page).
    private func prepare(_ part: MatrixView, at target: UnsafeMutablePointer<Float>) -> MatrixView {
        guard needsPreparing else { return part }
        guard let balanceRows = kernels.balance else {
            return part.laidOut(at: target, kernels)
        }
        func balance(_ rows: MatrixView, from first: Int) {
            balanceRows(
                rows.rows, rows.columns, rows.elements,
                target + preparedCount(first, part.columns))
        }
        if part.isMapped {
            // Strip by strip, so that the mapped values are still in the first-level cache when they are read again.
            let strip = Int(CK_STRIP)
            withUnsafePointers(reading: Storage(count: strip * part.columns)) { scratch in
                for first in stride(from: 0, to: part.rows, by: strip) {
                    let rows = part.rows(first..<min(first + strip, part.rows))
                    balance(rows.laidOut(at: scratch, kernels), from: first)
                }
            }
        } else {
            balance(part, from: 0)
        }
        return MatrixView(target, rows: part.rows, columns: part.columns)
    }
}

/// The fewest rows that are worth packing or converting columns of B.
private let fewRows = 96

/// The fewest rows that are divided into tasks where the factor has its layout already.
let manyRows = 2 * fewRows

/// A share of rows in whole strips, except for the last.
private func rowsOfShare(
    _ share: Int, of shares: Int, rows: Int, strip: Int = Int(CK_STRIP)
) -> Range<Int> {
    let strips = (rows + strip - 1) / strip
    return strips * share / shares * strip..<min(strips * (share + 1) / shares * strip, rows)
}

/// The division of many rows into tasks: enough rows in each to be worth a pass over B, few enough to stay in cache; an
/// even number of tasks, so that no thread waits long for the last.
struct RowTasks {
    /// The number of tasks.
    let count: Int
    private let rows: Int
    private let strip: Int

    private init(_ rows: Int, of size: Int, strip: Int) {
        count = (rows + 2 * size - 1) / (2 * size) * 2
        (self.rows, self.strip) = (rows, strip)
    }

    /// For products of floats, in whole strips.
    ///
    /// Cores that are shared with other tenants are not equally fast: there 48 rows instead of 96 gain 1 to 5%. Balanced
    /// strips each prefetch a share of a panel, which must not grow.
    init(_ rows: Int, _ kernels: Kernels) {
        self.init(rows, of: kernels.balance == nil ? 48 : 96, strip: Int(CK_STRIP))
    }

    /// For products of integers: 96 rows fit the second-level cache.
    init(integers rows: Int) { self.init(rows, of: 96, strip: 1) }

    /// The rows of a task.
    subscript(task: Int) -> Range<Int> {
        rowsOfShare(task, of: count, rows: rows, strip: strip)
    }
}

/// A packed right factor in the layout that the kernels multiply: as packed, or split on all threads for one product.
struct RightFactor: ElementMemory {
    let places: [Int]
    private let packed: PackedFactor
    private let split: Storage?

    /// - Parameter factor: the factor before it was packed, for its extents.
    init(_ packed: PackedFactor, _ factor: MatrixView, _ kernels: Kernels) {
        self.packed = packed
        let blocks = factor.depthBlocks
        guard let splitColumns = kernels.split else {
            (places, split) = (blocks.indices.map { packed.place(ofBlock: $0) }, nil)
            return
        }
        let columns = packed.columns
        let places = factor.placesOfBlocks { ck_split_block(columns, $0) }
        let memory = Storage(count: places[blocks.count])
        let across = (columns + groupWidth - 1) / groupWidth
        withUnsafePointers(reading: packed, memory) { packedFloats, target in
            Parallelism.perform(count: blocks.count * across) { task in
                let (index, first) = (task / across, task % across * groupWidth)
                splitColumns(
                    blocks[index].count, min(groupWidth, columns - first),
                    packedFloats + packed.place(ofBlock: index, column: first),
                    target + places[index] + ck_split_block(first, blocks[index].count))
            }
        }
        (self.places, split) = (places, memory)
    }

    var unguardedPointer: UnsafePointer<Float> {
        split.map { UnsafePointer($0.unguardedPointer) } ?? packed.unguardedPointer
    }
}
