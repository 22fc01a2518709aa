import Tensors
import ViT

/// Compares all cells of the source with a band of rows of the target.
struct BandSearch {
    typealias Best = SimilarityKernels.Best

    private let plan: SearchPlan
    /// The rows of the target.
    private let band: Range<Int>
    /// The band and the rows around it that bins read.
    private let reached: Range<Int>
    private let source: SearchSide
    private let target: SearchSide
    private let memory: UnsafeMutablePointer<Float>
    private let columnIndices: UnsafeMutablePointer<Int32>

    init(
        plan: SearchPlan, band: Range<Int>, source: SearchSide, target: SearchSide,
        memory: UnsafeMutablePointer<Float>, columnIndices: UnsafeMutablePointer<Int32>
    ) {
        self.plan = plan
        self.band = band
        reached =
            max(
                0, band.lowerBound - plan.reach)..<min(
                plan.target.rows, band.upperBound + plan.reach)
        self.source = source
        self.target = target
        self.memory = memory
        self.columnIndices = columnIndices
    }

    /// Updates the source's nearest neighbours with better ones from the band.
    func run(best: inout [Best]) {
        (memory + plan.columnBest(column: 0)).update(
            repeating: -.infinity, count: plan.source.columns * plan.pitch)
        columnIndices.update(repeating: -1, count: plan.source.columns * plan.pitch)
        for start in stride(from: 0, to: plan.source.rows, by: plan.sourceRows) {
            let block = start..<min(start + plan.sourceRows, plan.source.rows)
            multiplyBlock(block)
            best.withUnsafeMutableBufferPointer { best in
                nonisolated(unsafe) let best = best
                nonisolated(unsafe) let search = self
                Parallelism.perform(count: plan.source.columns) { column in
                    search.finish(column: column, block: block, best: best)
                }
            }
        }
    }

    /// The nearest neighbours of the band's cells; the first wins a tie.
    var columnBests: [Best] {
        (0..<(band.count * plan.target.columns)).map { cell in
            var best = Best()
            for column in 0..<plan.source.columns {
                let similarity = memory[plan.columnBest(column: column) + cell]
                let index = columnIndices[column * plan.pitch + cell]
                if similarity > best.similarity
                    || similarity == best.similarity && index < best.index
                {
                    best = Best(similarity: similarity, index: index)
                }
            }
            return best
        }
    }

    /// Multiplies a block of the source's rows with all rows in `reached`, at each level.
    private func multiplyBlock(_ block: Range<Int>) {
        for level in plan.levels.indices {
            let channels = source.pools[level].shape[1]
            let cells = reached.count * plan.target.columns
            withUnsafePointers(reading: source.pools[level], target.pools[level]) {
                multiply(
                    MatrixView(
                        $0 + block.lowerBound * plan.source.columns * channels,
                        rows: block.count * plan.source.columns, columns: channels),
                    MatrixView(
                        $1 + reached.lowerBound * plan.target.columns * channels,
                        rows: cells, columns: channels
                    ).transposed,
                    into: memory + plan.products(level: level), rowStride: plan.pitch)
            }
        }
    }

    /// Processes one column of the source for a block of products; the last block also finishes the
    /// last `reach` rows.
    private func finish(
        column: Int, block: Range<Int>, best: UnsafeMutableBufferPointer<Best>
    ) {
        for row in block {
            for level in plan.levels.indices where plan.levels[level].step > 0 {
                sumColumns(row: row, column: column, level: level, block: block)
            }
            if row >= plan.reach {
                compare(row: row - plan.reach, column: column, block: block, best: best)
            }
        }
        guard block.upperBound == plan.source.rows else { return }
        for row in max(0, plan.source.rows - plan.reach)..<plan.source.rows {
            compare(row: row, column: column, block: block, best: best)
        }
    }

    /// The products of one cell of the block with all cells of `reached`.
    private func products(
        row: Int, column: Int, level: Int, block: Range<Int>
    ) -> UnsafeMutablePointer<Float> {
        memory + plan.products(level: level)
            + ((row - block.lowerBound) * plan.source.columns + column) * plan.pitch
    }

    /// One row of column sums, with the centre and without.
    private func ring(
        row: Int, column: Int, level: Int
    ) -> (all: UnsafeMutablePointer<Float>, sides: UnsafeMutablePointer<Float>) {
        let rows = plan.ringRows[level]
        let base = memory + plan.ring(column: column, level: level)
        let all = base + row % rows.all * plan.pitch
        guard rows.sides > 0 else { return (all, all) }
        return (all, base + (rows.all + row % rows.sides) * plan.pitch)
    }

    private func sumColumns(row: Int, column: Int, level: Int, block: Range<Int>) {
        let step = plan.levels[level].step
        func products(_ column: Int) -> UnsafePointer<Float> {
            UnsafePointer(
                self.products(
                    row: row, column: clamp(column, below: plan.source.columns), level: level,
                    block: block))
        }
        let sums = ring(row: row, column: column, level: level)
        SimilarityKernels.sumColumns(
            left: products(column - step), centre: products(column),
            right: products(column + step), step: step, rows: reached.count,
            columns: plan.target.columns, sides: sums.sides, all: sums.all)
    }

    /// Compares one cell with the band.
    private func compare(
        row: Int, column: Int, block: Range<Int>, best: UnsafeMutableBufferPointer<Best>
    ) {
        let cell = row * plan.source.columns + column
        var sums = memory + plan.sums(column: column)
        for level in plan.levels.indices {
            if plan.levels[level].step > 0 {
                sumRows(row: row, column: column, level: level, into: sums)
            } else {
                sums = products(row: row, column: column, level: level, block: block)
            }
        }
        target.scales.withUnsafeBufferPointer { scales in
            guard let scales = scales.baseAddress else { return }
            let first = band.lowerBound * plan.target.columns
            SimilarityKernels.updateBest(
                products: sums, count: band.count * plan.target.columns, first: Int32(first),
                scale: source.scales[cell], scales: scales + first, cell: Int32(cell),
                best: &best[cell], columnBest: memory + plan.columnBest(column: column),
                columnIndex: columnIndices + column * plan.pitch)
        }
    }

    /// Sums a level's column sums along rows; adds the result to that of the previous levels.
    private func sumRows(
        row: Int, column: Int, level: Int, into sums: UnsafeMutablePointer<Float>
    ) {
        let step = plan.levels[level].step
        func ring(_ row: Int) -> UnsafePointer<Float> {
            UnsafePointer(
                self.ring(
                    row: clamp(row, below: plan.source.rows), column: column, level: level
                ).all)
        }
        let above = ring(row - step)
        let below = ring(row + step)
        let middle = UnsafePointer(self.ring(row: row, column: column, level: level).sides)
        let columns = plan.target.columns
        func sum(_ rows: Range<Int>) {
            func place(_ row: Int) -> Int {
                (clamp(row, below: plan.target.rows) - reached.lowerBound) * columns
            }
            SimilarityKernels.sum(
                above + place(rows.lowerBound - step), middle + place(rows.lowerBound),
                below + place(rows.lowerBound + step), count: rows.count * columns,
                accumulates: level > 0, into: sums + (rows.lowerBound - band.lowerBound) * columns)
        }
        // Rows away from the upper and lower edges need no clamping and are summed at once.
        let inner =
            min(
                max(step, band.lowerBound), band.upperBound)..<max(
                min(plan.target.rows - step, band.upperBound),
                min(max(step, band.lowerBound), band.upperBound))
        for row in band.lowerBound..<inner.lowerBound { sum(row..<(row + 1)) }
        if !inner.isEmpty { sum(inner) }
        for row in inner.upperBound..<band.upperBound { sum(row..<(row + 1)) }
    }
}
