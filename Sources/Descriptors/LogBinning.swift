import Platform
import Tensors
import ViT

/// Whether a descriptor is compared alone or together with its surroundings.
public enum Binning: Hashable, Sendable, Codable {
    /// Compares plain descriptors.
    case none
    /// Compares log-binned descriptors: the 3x3 cells around a cell, and for each further level k of the
    /// hierarchy the eight cells at distance 3^k in the average over 3^k x 3^k cells.
    /// The reference uses two levels.
    case logarithmic(hierarchy: Int = 2)

    /// The number of plain descriptors in a binned one: `1 + 8 * hierarchy`, or 1 without binning.
    public var bins: Int { levels.reduce(0) { $0 + $1.offsets.count } }

    /// The levels, innermost first; without binning one level without neighbours.
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

/// One level of a log-binned descriptor: a ring of cells at some distance, in a grid of averages.
struct BinningLevel {
    /// The distance to the neighbours and the side of the averaging window; 0: only the cell itself.
    let step: Int
    /// Whether the cell itself is among the bins.
    let hasCentre: Bool

    /// The offsets of the bins from the cell, row by row.
    var offsets: [(row: Int, column: Int)] {
        guard step > 0 else { return [(0, 0)] }
        return [-step, 0, step].flatMap { row in
            [-step, 0, step].compactMap { column in
                row == 0 && column == 0 && !hasCentre ? nil : (row, column)
            }
        }
    }

    /// The averaged grid that the bins are read from.
    func pooled(_ values: Tensor) -> Tensor {
        step <= 1 ? values : averaged(values, window: step)
    }
}

extension DescriptorGrid {
    /// The log-binned descriptors `[rows, columns, (1 + 8 * hierarchy) * channels]`
    /// (dino-vit-features, extractor.py, `_log_bin`).
    ///
    /// Bins are ordered by level, then row by row: the 3x3 cells around the cell; then for each further
    /// level k eight cells at distance 3^k, read from the average over 3^k x 3^k cells, which counts only
    /// cells inside the grid. A bin outside the grid takes the nearest cell inside.
    ///
    /// - Parameter hierarchy: the number of levels.
    /// - Complexity: O(result), bound by memory bandwidth. Matching does not need these values:
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

/// Locates the bins of a grid's log-binned descriptors.
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

    /// Passes `body` a function that maps the indices of a cell and a bin to the bin's channels.
    func withReader<Result>(
        _ body: (_ reader: (Int, Int) -> UnsafePointer<Float>) throws -> Result
    ) rethrows -> Result {
        try withUnsafePointers(reading: pools) { bases in
            try body { cell, bin in
                let (level, rowOffset, columnOffset) = bins[bin]
                let row = clamp(cell / grid.columns + rowOffset, below: grid.rows)
                let column = clamp(cell % grid.columns + columnOffset, below: grid.columns)
                return bases[level] + (row * grid.columns + column) * channels
            }
        }
    }
}

/// The nearest index in `0..<count`.
@inline(__always)
func clamp(_ index: Int, below count: Int) -> Int { max(0, min(index, count - 1)) }
