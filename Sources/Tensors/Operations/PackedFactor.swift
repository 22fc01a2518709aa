internal import CKernels
import Platform

/// The right factor of a product, converted as a whole to the kernel's layout.
package struct PackedFactor: Sendable {
    /// The number of rows, over which a product sums.
    let rows: Int
    /// The number of columns.
    let columns: Int
    private let floats: Tensor
    private let depths: [Int]
    /// The offset of each depth block.
    private let places: [Int]
    /// The first column in memory.
    private let first: Int
    private let kernels: Kernels

    /// Packs a factor on all threads.
    ///
    /// - Complexity: O(elements) time, and as much memory as the factor takes.
    package init(_ factor: MatrixView, _ kernels: Kernels) {
        let blocks = factor.depthBlocks
        let columns = factor.columns
        let places = factor.placesOfBlocks { ck_packed_block($0, columns) }
        var floats = Tensor(uninitialized: [places[blocks.count]])
        // A factor with a map is packed by whole rows.
        let width = factor.isMapped ? columns : groupWidth
        let across = (columns + width - 1) / width
        withUnsafePointers(writing: &floats) { floats in
            Parallelism.perform(count: blocks.count * across) { task in
                let block = task / across
                let first = task % across * width
                factor.pack(
                    blocks[block], first..<min(first + width, columns),
                    into: floats + places[block] + ck_packed_block(blocks[block].count, first),
                    kernels)
            }
        }
        self.floats = floats
        self.places = places
        depths = blocks.map(\.count)
        (rows, self.columns, first, self.kernels) = (factor.rows, columns, 0, kernels)
    }

    private init(_ factor: PackedFactor, columns: Range<Int>) {
        (floats, depths, places) = (factor.floats, factor.depths, factor.places)
        (rows, kernels) = (factor.rows, factor.kernels)
        self.columns = columns.count
        first = factor.first + columns.lowerBound
    }

    /// Some columns, which share the memory; nil if they do not consist of whole groups.
    func columns(_ range: Range<Int>) -> PackedFactor? {
        guard range.lowerBound % groupWidth == 0,
            range.upperBound % groupWidth == 0 || range.upperBound == columns
        else { return nil }
        return PackedFactor(self, columns: range)
    }

    /// The factor's transpose as it was before packing, `[columns, rows]`.
    ///
    /// - Complexity: O(elements).
    package var transposed: Tensor {
        var result = Tensor(uninitialized: [columns, rows])
        withUnsafePointers(writing: &result, reading: self) { target, packed in
            for (index, depth) in depths.enumerated() {
                kernels.unpack(
                    depth, columns, packed + place(ofBlock: index),
                    target + depths[..<index].reduce(0, +), rows)
            }
        }
        return result
    }

    /// A view with the factor's extents, for a product that reads it in packed form only.
    ///
    /// - Parameter base: the factor's memory.
    func view(at base: UnsafePointer<Float>) -> MatrixView {
        MatrixView(base, rows: rows, columns: columns, rowStride: 1, columnStride: rows)
    }

    /// The offset in memory of a depth block's columns from `column` on, which must start a group of columns.
    func place(ofBlock index: Int, column: Int = 0) -> Int {
        places[index] + ck_packed_block(depths[index], first + column)
    }
}

extension PackedFactor: ElementMemory {
    package var unguardedPointer: UnsafePointer<Float> { floats.unguardedPointer }
}

/// Caches a weight matrix in packed form from its second use on. Weights that change after every use, as in training,
/// are never cached.
package final class PackedFactorCache: Sendable {
    private struct State {
        var isUsed = false
        var factor: PackedFactor?
    }

    private let state = Lock(State())

    /// The packed weights, if they have been used twice.
    var cached: PackedFactor? { state.withLock(\.factor) }

    /// The packed weights; `nil` at the first use, and if BLAS multiplies.
    func factor(_ factor: MatrixView) -> PackedFactor? {
        guard Kernels.best.has_fused_multiply_add else { return nil }
        return state.withLock { state in
            if state.isUsed && state.factor == nil { state.factor = PackedFactor(factor, .best) }
            state.isUsed = true
            return state.factor
        }
    }
}

extension MatrixView {
    /// The depth blocks of a product with this right factor.
    var depthBlocks: [Range<Int>] {
        let count = ck_depth_blocks(rows)
        return (0..<count).map { rows * $0 / count..<rows * ($0 + 1) / count }
    }

    /// The offset of each depth block in the memory of a factor, in order, and the end of the last; `count` returns the
    /// number of floats that a block of a given depth takes.
    func placesOfBlocks(_ count: (_ depth: Int) -> Int) -> [Int] {
        depthBlocks.reduce(into: [0]) { places, block in
            places.append(places[places.count - 1] + count(block.count))
        }
    }

    /// Packs some columns of a depth block.
    func pack(
        _ block: Range<Int>, _ columns: Range<Int>, into packed: UnsafeMutablePointer<Float>,
        _ kernels: Kernels
    ) {
        let part = rows(block).columns(columns)
        let scratch = Storage(count: part.isMapped ? part.rows * part.columns : 0)
        withUnsafePointers(reading: scratch) {
            let part = part.isMapped ? part.laidOut(at: $0, kernels) : part
            kernels.pack(part.rows, part.columns, part.elements, packed)
        }
    }
}

/// Columns of C that one task computes for some hundred rows: their packed block fits the second-level cache.
let groupWidth = 192
