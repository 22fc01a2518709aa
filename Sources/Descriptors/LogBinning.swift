import Platform
import Tensors
import ViT

/// Whether a descriptor is compared alone or together with its surroundings.
public enum Binning: Hashable, Sendable, Codable {
    case none
    /// Log-binned: the 3x3 cells around a cell, and for each further level k of the hierarchy the
    /// eight cells at distance 3^k in the average over 3^k x 3^k cells.
    /// Two levels are the reference's choice.
    case logarithmic(hierarchy: Int = 2)

    /// How many plain descriptors make up a binned one: `1 + 8 * hierarchy`.
    public var bins: Int { levels.reduce(0) { $0 + $1.offsets.count } }

    /// The levels, innermost first; one level without neighbours where there is no binning.
    var levels: [BinningLevel] {
        guard case .logarithmic(let hierarchy) = self else {
            return [BinningLevel(step: 0, hasCentre: true)]
        }
        require(
            fault == nil, "log-binning: \(fault ?? "")")
        var step = 1
        return (0..<hierarchy).map { level in
            defer { step *= 3 }
            return BinningLevel(step: step, hasCentre: level == 0)
        }
    }
}

/// One ring of a log-binned descriptor: cells at a distance, in a grid of averages.
struct BinningLevel {
    /// The distance to the neighbours, and the side of the window that is averaged; 0: the cell
    /// itself alone.
    let step: Int
    /// Whether the cell itself is among the bins.
    let hasCentre: Bool

    /// The bins, row by row.
    var offsets: [(row: Int, column: Int)] {
        guard step > 0 else { return [(0, 0)] }
        return [-step, 0, step].flatMap { row in
            [-step, 0, step].compactMap { column in
                row == 0 && column == 0 && !hasCentre ? nil : (row, column)
            }
        }
    }

    /// The grid that the bins are read from.
    func pooled(_ values: Tensor) -> Tensor {
        step <= 1 ? values : averaged(values, window: step)
    }
}

extension DescriptorGrid {
    /// The log-binned descriptors `[rows, columns, (1 + 8 * hierarchy) * channels]`
    /// (dino-vit-features, extractor.py, `_log_bin`).
    ///
    /// Bins stand level by level and row by row: nine cells at distance 1, the cell itself among
    /// them; then for each level k eight cells at distance 3^k, read from the average over
    /// 3^k x 3^k cells, which counts only cells inside the grid. A bin outside the grid takes the
    /// nearest cell inside.
    ///
    /// - Complexity: O(result); the work is moving memory. Matching does not need these values:
    ///   see `bestBuddies(_:_:binning:)`.
    public func logBinned(hierarchy: Int = 2) -> Tensor {
        let bins = BinSource(self, binning: .logarithmic(hierarchy: hierarchy))
        let rowLength = grid.columns * bins.count * channels
        return Tensor(shape: [grid.rows, grid.columns, bins.count * channels]) { target in
            nonisolated(unsafe) let target = target
            bins.withReader { reader in
                Parallelism.perform(count: grid.rows) { row in
                    guard var place = target.baseAddress?.advanced(by: row * rowLength) else {
                        return
                    }
                    for column in 0..<grid.columns {
                        for bin in 0..<bins.count {
                            place.update(
                                from: reader(row * grid.columns + column, bin), count: channels)
                            place += channels
                        }
                    }
                }
            }
        }
    }
}

/// Where the bins of a grid's descriptors lie.
struct BinSource: Sendable {
    private let grid: PatchGrid
    private let channels: Int
    /// Each level's grid of averages.
    private let pools: [Tensor]
    /// Each bin's level and offset.
    private let bins: [(level: Int, row: Int, column: Int)]

    init(_ descriptors: DescriptorGrid, binning: Binning) {
        grid = descriptors.grid
        channels = descriptors.channels
        let levels = binning.levels
        pools = levels.map { $0.pooled(descriptors.values) }
        bins = levels.enumerated().flatMap { index, level in
            level.offsets.map { (index, $0.row, $0.column) }
        }
    }

    var count: Int { bins.count }

    /// Gives a function from the index of a cell and of a bin to the bin's channels.
    func withReader<Result>(
        _ body: (_ reader: (Int, Int) -> UnsafePointer<Float>) throws -> Result
    ) rethrows -> Result {
        try withPointers(to: pools) { bases in
            try body { cell, bin in
                let (level, rowOffset, columnOffset) = bins[bin]
                let row = clamp(cell / grid.columns + rowOffset, below: grid.rows)
                let column = clamp(cell % grid.columns + columnOffset, below: grid.columns)
                return bases[level] + (row * grid.columns + column) * channels
            }
        }
    }
}

/// The index of the nearest of `count` cells.
@inline(__always)
func clamp(_ index: Int, below count: Int) -> Int { max(0, min(index, count - 1)) }

/// Gives read access to several tensors at once.
///
/// - Precondition: none is empty.
func withPointers<Result>(
    to tensors: [Tensor], _ body: ([UnsafePointer<Float>]) throws -> Result
) rethrows -> Result {
    func open(_ opened: [UnsafePointer<Float>]) throws -> Result {
        guard opened.count < tensors.count else { return try body(opened) }
        return try tensors[opened.count].withUnsafeElements { elements in
            guard let base = elements.baseAddress else {
                fail("withPointers: an empty tensor")
            }
            return try open(opened + [base])
        }
    }
    return try open([])
}
