internal import CKernels
import Platform

/// A product's right factor, brought to the kernel's form whole.
package struct PackedFactor: Sendable {
    private let floats: Tensor
    private let depths: [Int]
    /// Where each block of the depth begins.
    private let places: [Int]

    /// Packs a factor by all threads. Complexity: O(elements), and as much memory again.
    package init(_ factor: MatrixView, _ kernels: Kernels) {
        let blocks = factor.depthBlocks
        let columns = factor.columns
        let places = factor.placesOfBlocks { ck_packed_block($0, columns) }
        let floats = Tensor(uninitialized: [places[blocks.count]])
        // What has a map is packed by whole rows.
        let width = factor.isMapped ? columns : groupWidth
        let across = (columns + width - 1) / width
        Parallelism.perform(count: blocks.count * across) { task in
            let block = task / across
            let first = task % across * width
            factor.pack(
                blocks[block], first..<min(first + width, columns),
                into: floats.mutableBase + places[block]
                    + ck_packed_block(blocks[block].count, first), kernels)
        }
        self.floats = floats
        self.places = places
        depths = blocks.map(\.count)
    }

    /// A block of the depth; there as long as the factor is.
    func block(_ index: Int) -> UnsafePointer<Float> { columns(from: 0, block: index) }

    /// A block's columns from a whole group's first on.
    func columns(from first: Int, block index: Int) -> UnsafePointer<Float> {
        floats.base + places[index] + ck_packed_block(depths[index], first)
    }
}

/// Keeps a matrix of weights as the kernel takes it, from its second use on: weights that change after each
/// use, as in training, cost no memory twice.
package final class KeptFactor: Sendable {
    private struct State {
        var isUsed = false
        var factor: PackedFactor?
    }

    private let state = Lock(State())

    /// What is kept; `nil` at the first use, and where BLAS multiplies.
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
    /// The blocks of the depth of a product with this right factor.
    var depthBlocks: [Range<Int>] {
        let count = ck_depth_blocks(rows)
        return (0..<count).map { rows * $0 / count..<rows * ($0 + 1) / count }
    }

    /// Where each block of the depth lies in a factor's memory, one after another, and where the last ends;
    /// `count` gives the floats that a block of some depth takes.
    func placesOfBlocks(_ count: (_ depth: Int) -> Int) -> [Int] {
        depthBlocks.reduce(into: [0]) { places, block in
            places.append(places[places.count - 1] + count(block.count))
        }
    }

    /// Brings some columns of a block of the depth to the kernel's form.
    func pack(
        _ block: Range<Int>, _ columns: Range<Int>, into packed: UnsafeMutablePointer<Float>,
        _ kernels: Kernels
    ) {
        var part = rows(block).columns(columns)
        let scratch = Scratch(count: part.isMapped ? part.rows * part.columns : 0)
        if part.isMapped { part = part.laidOut(at: scratch.base, kernels) }
        kernels.pack(
            part.rows, part.columns, part.base, part.rowStride, part.columnStride, packed)
        withExtendedLifetime(scratch) {}
    }
}

/// Columns of C that a task does, by the hundreds of rows: their packed block stays in the second-level
/// cache.
let groupWidth = 192
