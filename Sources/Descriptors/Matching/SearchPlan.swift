import ViT

/// How a search for nearest neighbours is divided, and the layout of its arrays in one block of memory.
/// Depends only on the shapes and the memory budget, not on the number of threads.
package struct SearchPlan {
    /// The maximum working memory in bytes, exceeded only if one row of each grid needs more.
    package static let memoryBudget = 144 << 20

    let source: PatchGrid
    let target: PatchGrid
    let levels: [BinningLevel]
    /// The greatest distance of a bin.
    let reach: Int
    /// Rows of the source's grid in one product.
    let sourceRows: Int
    /// Rows of the target's grid searched at a time.
    let targetRows: Int
    /// Floats from one row of similarities to the next.
    let pitch: Int
    /// For each level, the number of rows of column sums kept with the centre and without.
    let ringRows: [(all: Int, sides: Int)]

    init(
        source: PatchGrid, target: PatchGrid, levels: [BinningLevel],
        memoryBudget: Int = SearchPlan.memoryBudget
    ) {
        let reach = levels.map(\.step).max() ?? 0
        // A row of sums is computed when the row `reach` above it is finished, and finishing needs the
        // rows `step` above and below. Sums without the centre are needed only in the finished row.
        let ringRows = levels.map { level in
            level.step == 0
                ? (all: 0, sides: 0)
                : (
                    all: min(source.rows, reach + level.step + 1),
                    sides: level.hasCentre ? 0 : min(source.rows, reach + 1)
                )
        }
        // About 512 cells: enough to run a matrix product at full speed, few enough to stay in the cache.
        let sourceRows = min(source.rows, max(1, 512 / source.columns))
        // Two more rows besides products and rings: the sums of a row and the best of each column.
        let rowsKept =
            levels.count * sourceRows + ringRows.reduce(0) { $0 + $1.all + $1.sides } + 2
        let bytes = rowsKept * source.columns * target.columns * MemoryLayout<Float>.stride
        let affordable = memoryBudget / bytes
        self.source = source
        self.target = target
        self.levels = levels
        self.reach = reach
        self.ringRows = ringRows
        self.sourceRows = sourceRows
        targetRows = affordable >= target.rows ? target.rows : max(1, affordable - 2 * reach)
        pitch = min(target.rows, targetRows + 2 * reach) * target.columns
    }

    /// The floats that a search needs.
    var count: Int { columnBest(column: source.columns) }

    // Offsets of the arrays, in floats; their rows hold `pitch` floats each.

    /// A level's products of `sourceRows` rows of the source's cells.
    func products(level: Int) -> Int { level * sourceRows * source.columns * pitch }

    /// A level's ring buffer of column sums for one column of the source.
    func ring(column: Int, level: Int) -> Int {
        let rows = ringRows.map { $0.all + $0.sides }
        let before = column * rows.reduce(0, +) + rows[..<level].reduce(0, +)
        return products(level: levels.count) + before * pitch
    }

    /// The complete sums of the current cell of one column of the source.
    func sums(column: Int) -> Int { ring(column: source.columns, level: 0) + column * pitch }

    /// The greatest similarity of each target cell to the cells of one column of the source.
    func columnBest(column: Int) -> Int { sums(column: source.columns) + column * pitch }
}
