import ViT

/// How a search for nearest neighbours is cut and where its arrays lie in one block of memory; by
/// the shapes and the memory allowed alone, never by the number of threads.
package struct SearchPlan {
    /// The most bytes of working memory, unless one row of each grid takes more.
    package static let memoryBudget = 144 << 20

    let source: PatchGrid
    let target: PatchGrid
    let levels: [BinningLevel]
    /// The greatest distance of a bin.
    let reach: Int
    /// Rows of the source's grid in one product.
    let sourceRows: Int
    /// Rows of the target's grid that are searched at a time.
    let targetRows: Int
    /// Floats from one row of similarities to the next.
    let pitch: Int
    /// By level, how many rows of column sums are kept with the centre and how many without.
    let ringRows: [(all: Int, sides: Int)]

    init(
        source: PatchGrid, target: PatchGrid, levels: [BinningLevel],
        memoryBudget: Int = SearchPlan.memoryBudget
    ) {
        let reach = levels.map(\.step).max() ?? 0
        // A row of sums is made when the row `reach` above it is finished, and finishing needs the
        // rows `step` above and below. Sums without the centre are needed in the finished row alone.
        let ringRows = levels.map { level in
            level.step == 0
                ? (all: 0, sides: 0)
                : (
                    all: min(source.rows, reach + level.step + 1),
                    sides: level.hasCentre ? 0 : min(source.rows, reach + 1)
                )
        }
        // Some 512 rows fill a matrix product; few enough to find them in the cache afterwards.
        let sourceRows = min(source.rows, max(1, 512 / source.columns))
        // Beside products and rings: the sums of a row, and the best that each column has seen.
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

    // Where the arrays begin, in floats; rows of `pitch` each.

    /// A level's products of `sourceRows` rows of the source's cells.
    func products(level: Int) -> Int { level * sourceRows * source.columns * pitch }

    /// A level's ring of column sums, of one column of the source.
    func ring(column: Int, level: Int) -> Int {
        let rows = ringRows.map { $0.all + $0.sides }
        let before = column * rows.reduce(0, +) + rows[..<level].reduce(0, +)
        return products(level: levels.count) + before * pitch
    }

    func sums(column: Int) -> Int { ring(column: source.columns, level: 0) + column * pitch }

    func columnBest(column: Int) -> Int { sums(column: source.columns) + column * pitch }
}
