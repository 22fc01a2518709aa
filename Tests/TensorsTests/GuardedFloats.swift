import Foundation

/// Memory that detects accesses out of bounds: every float is a NaN of one bit pattern until written, and
/// memory after the last can be neither read nor written.
final class GuardedFloats {
    /// The bits of an unwritten float: a NaN, so that it shows in every result computed from it, of a
    /// pattern that no arithmetic produces.
    static let canary: UInt32 = 0x7fc0_beef

    let base: UnsafeMutablePointer<Float>
    let count: Int
    private let region: UnsafeMutableRawPointer
    private let length: Int

    init(count: Int) {
        let page = Int(getpagesize())
        let bytes = count * MemoryLayout<Float>.stride
        // A spare page in front, so that reading before the first float gives canaries.
        let usable = page + (bytes + page - 1) / page * page
        length = usable + page
        region = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        precondition(mprotect(region + usable, page, PROT_NONE) == 0)
        let words = region.bindMemory(to: UInt32.self, capacity: usable / 4)
        words.update(repeating: GuardedFloats.canary, count: usable / 4)
        base = (region + usable - bytes).bindMemory(to: Float.self, capacity: count)
        self.count = count
    }

    deinit { munmap(region, length) }

    subscript(_ index: Int) -> Float {
        get { base[index] }
        set { base[index] = newValue }
    }

    /// The number of floats still unwritten, including those in front of the first.
    var untouched: Int {
        let words = region.assumingMemoryBound(to: UInt32.self)
        return (0..<(base - region.assumingMemoryBound(to: Float.self)) + count)
            .count { words[$0] == GuardedFloats.canary }
    }

    /// The number of floats, including those in front of the first.
    var size: Int { base - region.assumingMemoryBound(to: Float.self) + count }
}

/// A matrix in guarded memory: element (r, c) lies at `r * rowStride + c * columnStride`, with
/// canaries between.
struct GuardedMatrix {
    /// How a matrix is laid out in memory.
    enum Layout: CaseIterable {
        case rows, columns, spread

        func strides(rows: Int, columns: Int) -> (row: Int, column: Int) {
            switch self {
            case .rows: (columns + 3, 1)
            case .columns: (1, rows + 5)
            case .spread: (3 * columns + 2, 3)
            }
        }
    }

    let memory: GuardedFloats
    let rows: Int
    let columns: Int
    let rowStride: Int
    let columnStride: Int

    init(rows: Int, columns: Int, layout: Layout = .rows) {
        (rowStride, columnStride) = layout.strides(rows: rows, columns: columns)
        self.rows = rows
        self.columns = columns
        let isEmpty = rows == 0 || columns == 0
        memory = GuardedFloats(
            count: isEmpty ? 0 : (rows - 1) * rowStride + (columns - 1) * columnStride + 1)
    }

    /// A matrix filled row by row.
    init(rows: Int, columns: Int, layout: Layout = .rows, fill: () -> Float) {
        self.init(rows: rows, columns: columns, layout: layout)
        for r in 0..<rows {
            for c in 0..<columns { memory[r * rowStride + c * columnStride] = fill() }
        }
    }

    var base: UnsafeMutablePointer<Float> { memory.base }

    subscript(_ row: Int, _ column: Int) -> Float { base[row * rowStride + column * columnStride] }

    /// The elements row by row.
    var elements: [Float] {
        (0..<rows).flatMap { r in (0..<columns).map { self[r, $0] } }
    }

    /// Whether every element has been written, and nothing else.
    var isWrittenExactly: Bool {
        memory.untouched == memory.size - rows * columns
            && elements.allSatisfy { $0.bitPattern != GuardedFloats.canary }
    }
}
