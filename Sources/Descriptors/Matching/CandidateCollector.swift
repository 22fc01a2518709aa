import Synchronization
import Tensors
import ViT

/// Collects, while similarities are approximate, every pair of cells that may be nearest: for each cell of either grid,
/// those of the other whose similarity is within `window` of the greatest.
///
/// `@unchecked Sendable`: during a search each task writes to the lists and rows of its own column of the source.
final class CandidateCollector: @unchecked Sendable {
    typealias Best = SimilarityKernels.Best

    /// The candidates for the nearest cell of each cell, in ascending order.
    struct Result {
        var ofSource: [[Int32]]
        var ofTarget: [[Int32]]
    }

    private typealias Pair = (source: Int32, target: Int32, similarity: Float)

    private let source: PatchGrid
    private let window: Float
    private let pitch: Int
    /// The most candidates of each kind. With more, as between pictures without detail, a search in floats is faster.
    private let budget: Int
    /// For each column of the source, the second greatest similarity of each target cell.
    private let seconds: Storage
    /// For each column of the source, the candidates of its cells.
    private let pairs: UnsafeMutableBufferPointer<[Pair]>
    private var ofTarget: [[Int32]] = []
    private let count = Atomic<Int>(0)

    init(_ plan: SearchPlan, window: Float) {
        source = plan.source
        pitch = plan.pitch
        self.window = window
        budget = 8 * (plan.source.count + plan.target.count)
        seconds = Storage(count: plan.source.columns * plan.pitch)
        pairs = .allocate(capacity: plan.source.columns)
        pairs.initialize(repeating: [])
    }

    deinit {
        pairs.deinitialize()
        pairs.deallocate()
    }

    private var isFull: Bool { count.load(ordering: .relaxed) > budget }

    func startBand() {
        withUnsafePointers(reading: seconds) {
            $0.update(repeating: -.infinity, count: source.columns * pitch)
        }
    }

    /// As `SimilarityKernels.updateBest`, and collects the cell's candidates.
    func update(
        products: UnsafePointer<Float>, count: Int, first: Int32, scale: Float,
        scales: UnsafePointer<Float>, cell: Int32, column: Int, best: inout Best,
        columnBest: UnsafeMutablePointer<Float>, columnIndex: UnsafeMutablePointer<Int32>
    ) {
        guard !isFull else { return }
        withUnsafePointers(reading: seconds) {
            SimilarityKernels.updateSeconds(
                products: products, count: count, scale: scale, scales: scales,
                columnBest: UnsafePointer(columnBest), seconds: $0 + column * pitch)
        }
        SimilarityKernels.updateBest(
            products: products, count: count, first: first, scale: scale, scales: scales,
            cell: cell, best: &best, columnBest: columnBest, columnIndex: columnIndex)
        let before = pairs[column].count
        let threshold = best.similarity - window
        SimilarityKernels.forEach(
            atLeast: threshold, products: products, count: count, scale: scale, scales: scales
        ) { index, similarity in
            pairs[column].append((cell, first + Int32(index), similarity))
        }
        self.count.wrappingAdd(pairs[column].count - before, ordering: .relaxed)
    }

    /// Collects the candidates of a band's target cells.
    ///
    /// - Parameters:
    ///   - best: the greatest similarity of each cell to those of each column of the source.
    ///   - indices: the cells with those similarities.
    func endBand(
        cells: Int, best: UnsafePointer<Float>, indices: UnsafePointer<Int32>
    ) {
        guard !isFull else { return }
        var added = 0
        withUnsafePointers(reading: seconds) { seconds in
            for cell in 0..<cells {
                var greatest = -Float.infinity
                for column in 0..<source.columns {
                    greatest = max(greatest, best[column * pitch + cell])
                }
                let threshold = greatest - window
                var found: [Int32] = []
                for column in 0..<source.columns {
                    let place = column * pitch + cell
                    guard best[place] >= threshold else { continue }
                    if seconds[place] >= threshold {
                        // More than one cell of this column is similar enough: any of them may be.
                        found += (0..<source.rows).map { Int32($0 * source.columns + column) }
                    } else {
                        found.append(indices[place])
                    }
                }
                added += found.count
                ofTarget.append(found.sorted())
            }
        }
        count.wrappingAdd(added, ordering: .relaxed)
    }

    /// The candidates; nil if there were more than `budget`.
    ///
    /// - Parameter best: the source cells' greatest similarities.
    func result(_ best: [Best]) -> Result? {
        guard !isFull else { return nil }
        var ofSource = [[Int32]](repeating: [], count: source.count)
        for pair in pairs.joined()
        where pair.similarity >= best[Int(pair.source)].similarity - window {
            ofSource[Int(pair.source)].append(pair.target)
        }
        return Result(ofSource: ofSource, ofTarget: ofTarget)
    }
}
