import Platform
import Tensors

/// Finds, for each row of one matrix, the rows of another with the greatest dot products.
///
/// Products are computed for blocks of rows and columns, and each row keeps a running list: nothing of size rows x
/// rows is ever stored.
struct NeighbourSearch {
    /// A candidate: a row of the other matrix.
    struct Neighbour {
        var similarity: Float
        var index: Int32

        /// Whether it ranks before another: by similarity, then by index.
        func precedes(_ other: Neighbour) -> Bool {
            similarity > other.similarity || similarity == other.similarity && index < other.index
        }
    }

    /// `[count, width]`.
    private let candidates: Tensor
    /// The number of neighbours per row, at most the number of candidates.
    private let k: Int
    /// The length at which a list is sorted and cut to `k`, which amortises the cost of sorting.
    private let room: Int
    /// The number of rows searched for at a time.
    private let rowsAtOnce: Int
    /// The number of candidates in one product: with 256 rows, 2 MiB.
    private let columnsAtOnce = 2048
    /// The memory limit of the lists in bytes, exceeded only if a single list needs more.
    private static let memoryBudget = 64 << 20

    init(_ candidates: Tensor, k: Int) {
        require(
            candidates.shape[0] <= Int(Int32.max), "neighbours among \(candidates.shape[0]) rows")
        self.candidates = candidates
        self.k = min(k, candidates.shape[0])
        room = max(2 * self.k, 64)
        let affordable = Self.memoryBudget / (room * MemoryLayout<Neighbour>.stride)
        rowsAtOnce = min(256, max(1, affordable))
    }

    /// Calls `body`, in parallel, with each row's index and its neighbours, nearest first. NaN similarities are
    /// ignored.
    ///
    /// - Complexity: O(rows x candidates x width) time.
    func perform(
        for rows: Tensor, _ body: (Int, UnsafeBufferPointer<Neighbour>) -> Void
    ) {
        let most = min(rowsAtOnce, rows.shape[0])
        let products = Storage(count: most * columnsAtOnce)
        withUnsafeTemporaryAllocation(of: List.self, capacity: most) { lists in
            withUnsafeTemporaryAllocation(of: Neighbour.self, capacity: most * room) { memory in
                nonisolated(unsafe) let lists = lists
                for start in stride(from: 0, to: rows.shape[0], by: rowsAtOnce) {
                    let block = rows.rows(start..<min(start + rowsAtOnce, rows.shape[0]))
                    for row in 0..<block.shape[0] {
                        let entries = memory[(row * room)..<((row + 1) * room)]
                        lists.initializeElement(
                            at: row, to: List(entries: .init(rebasing: entries), k: k))
                    }
                    search(block, lists: lists, products: products)
                    Parallelism.perform(count: block.shape[0]) { row in
                        lists[row].sortAndCut()
                        body(start + row, lists[row].found)
                    }
                }
            }
        }
    }

    private func search(
        _ block: Tensor, lists: UnsafeMutableBufferPointer<List>, products: Storage
    ) {
        let (rows, count, width) = (block.shape[0], candidates.shape[0], candidates.shape[1])
        nonisolated(unsafe) let lists = lists
        withUnsafePointers(reading: block, candidates, products) { block, candidates, products in
            for first in stride(from: 0, to: count, by: columnsAtOnce) {
                let columns = min(columnsAtOnce, count - first)
                multiply(
                    MatrixView(block, rows: rows, columns: width),
                    MatrixView(
                        candidates + first * width, rows: columns, columns: width
                    ).transposed,
                    into: products, rowStride: columnsAtOnce)
                Parallelism.perform(count: rows) { row in
                    lists[row].add(products + row * columnsAtOnce, count: columns, first: first)
                }
            }
        }
    }
}

extension NeighbourSearch {
    /// The best candidates found for one row so far, and beyond `k` some that no longer count.
    private struct List {
        let entries: UnsafeMutableBufferPointer<Neighbour>
        let k: Int
        var count = 0
        /// The similarity that a further entry must exceed: the k-th best at the last sorting.
        var threshold = -Float.infinity

        var found: UnsafeBufferPointer<Neighbour> {
            UnsafeBufferPointer(rebasing: entries[..<count])
        }

        /// Candidates arrive in ascending order, so one that equals the k-th best ranks behind it.
        mutating func add(_ similarities: UnsafePointer<Float>, count columns: Int, first: Int) {
            for column in 0..<columns where similarities[column] > threshold {
                entries.initializeElement(
                    at: count,
                    to: Neighbour(
                        similarity: similarities[column], index: Int32(first + column)))
                count += 1
                if count == entries.count { sortAndCut() }
            }
        }

        mutating func sortAndCut() {
            var found = UnsafeMutableBufferPointer(rebasing: entries[..<count])
            found.sort { $0.precedes($1) }
            count = min(count, k)
            if count == k, k > 0 { threshold = entries[k - 1].similarity }
        }
    }
}
