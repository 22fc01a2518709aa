/// The inner loops of matching, over rows of similarities: one float per cell of the second grid.
package enum SimilarityKernels {
    /// Adds to each similarity those of the cells `step` columns to the left and to the right in both
    /// grids.
    ///
    /// `sides[v, u] = left[v, max(u - step, 0)] + right[v, min(u + step, columns - 1)]`, and `all`
    /// is `sides` with `centre[v, u]` added. Each array holds `rows * columns` floats; `left`,
    /// `centre` and `right` are the similarities of cells `step` columns apart in the first grid.
    /// `all` and `sides` may be the same array, which then receives the whole sum.
    static func sumColumns(
        left: UnsafePointer<Float>, centre: UnsafePointer<Float>, right: UnsafePointer<Float>,
        step: Int, rows: Int, columns: Int, sides: UnsafeMutablePointer<Float>,
        all: UnsafeMutablePointer<Float>
    ) {
        let count = rows * columns
        // Across the ends of rows this reads neighbouring rows; the edge columns are corrected below.
        var index = step
        while index + Lanes.scalarCount <= count - step {
            let sum = load(left + index - step) + load(right + index + step)
            store(sum, to: sides + index)
            store(sum + load(centre + index), to: all + index)
            index += Lanes.scalarCount
        }
        while index < count - step {
            let sum = left[index - step] + right[index + step]
            sides[index] = sum
            all[index] = sum + centre[index]
            index += 1
        }
        let edge = min(step, columns)
        for row in 0..<rows {
            let start = row * columns
            func sum(_ column: Int) {
                let sum =
                    left[start + max(column - step, 0)]
                    + right[start + min(column + step, columns - 1)]
                sides[start + column] = sum
                all[start + column] = sum + centre[start + column]
            }
            for column in 0..<edge { sum(column) }
            for column in max(edge, columns - step)..<max(edge, columns) { sum(column) }
        }
    }

    /// `target = a + b + c`, or `target += a + b + c` if `accumulates`.
    static func sum(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ c: UnsafePointer<Float>,
        count: Int, accumulates: Bool, into target: UnsafeMutablePointer<Float>
    ) {
        var index = 0
        while index + Lanes.scalarCount <= count {
            var sum = load(a + index) + load(b + index) + load(c + index)
            if accumulates { sum += load(UnsafePointer(target) + index) }
            store(sum, to: target + index)
            index += Lanes.scalarCount
        }
        while index < count {
            let sum = a[index] + b[index] + c[index]
            target[index] = accumulates ? sum + target[index] : sum
            index += 1
        }
    }

    /// A cell's nearest neighbour: its index and the cosine similarity.
    package struct Best: Equatable {
        package var similarity: Float = -.infinity
        package var index: Int32 = -1
    }

    /// Scales one cell's products to cosines, keeps the greatest in `best`, and updates the running
    /// maxima of the other grid's cells.
    ///
    /// On a tie the smaller index stays, as columns and cells come in ascending order.
    ///
    /// - Parameters:
    ///   - products: products of the cell with `count` cells of the other grid, from `first` on.
    ///   - scale: the reciprocal of the cell's norm.
    ///   - scales: the reciprocals of the other cells' norms.
    ///   - cell: the cell's index.
    ///   - best: the cell's nearest neighbour so far.
    ///   - columnBest: the greatest similarity of each of the other cells so far.
    ///   - columnIndex: the index of the cell with that similarity.
    static func updateBest(
        products: UnsafePointer<Float>, count: Int, first: Int32, scale: Float,
        scales: UnsafePointer<Float>, cell: Int32, best: inout Best,
        columnBest: UnsafeMutablePointer<Float>, columnIndex: UnsafeMutablePointer<Int32>
    ) {
        typealias Indices = SIMD8<Int32>
        var laneBest = Lanes(repeating: -.infinity)
        var laneIndex = Indices(repeating: -1)
        var indices = Indices(0, 1, 2, 3, 4, 5, 6, 7) &+ first
        var index = 0
        while index + Lanes.scalarCount <= count {
            let cosine = load(products + index) * load(scales + index) * scale
            let greater = cosine .> laneBest
            laneBest.replace(with: cosine, where: greater)
            laneIndex.replace(with: indices, where: greater)
            let previous = load(UnsafePointer(columnBest) + index)
            let beats = cosine .> previous
            store(previous.replacing(with: cosine, where: beats), to: columnBest + index)
            let place = UnsafeMutableRawPointer(columnIndex + index)
            place.storeBytes(
                of: place.loadUnaligned(as: Indices.self).replacing(with: cell, where: beats),
                as: Indices.self)
            indices &+= Int32(Lanes.scalarCount)
            index += Lanes.scalarCount
        }
        var found = Best()
        for lane in 0..<Lanes.scalarCount
        where laneBest[lane] > found.similarity
            || laneBest[lane] == found.similarity && laneIndex[lane] < found.index
        {
            found = Best(similarity: laneBest[lane], index: laneIndex[lane])
        }
        while index < count {
            let cosine = products[index] * scales[index] * scale
            if cosine > found.similarity {
                found = Best(similarity: cosine, index: first + Int32(index))
            }
            if cosine > columnBest[index] {
                columnBest[index] = cosine
                columnIndex[index] = cell
            }
            index += 1
        }
        if found.similarity > best.similarity { best = found }
    }

    /// Updates the second greatest similarities of the other grid's cells, before `updateBest` updates the greatest.
    static func updateSeconds(
        products: UnsafePointer<Float>, count: Int, scale: Float, scales: UnsafePointer<Float>,
        columnBest: UnsafePointer<Float>, seconds: UnsafeMutablePointer<Float>
    ) {
        var index = 0
        while index + Lanes.scalarCount <= count {
            let cosine = load(products + index) * load(scales + index) * scale
            let best = load(columnBest + index)
            let lesser = cosine.replacing(with: best, where: cosine .> best)
            let second = load(UnsafePointer(seconds) + index)
            store(second.replacing(with: lesser, where: lesser .> second), to: seconds + index)
            index += Lanes.scalarCount
        }
        while index < count {
            let cosine = products[index] * scales[index] * scale
            seconds[index] = max(seconds[index], min(cosine, columnBest[index]))
            index += 1
        }
    }

    /// Calls `body` with the index and the similarity of each of the other grid's cells that is at least as similar as
    /// `threshold`.
    static func forEach(
        atLeast threshold: Float, products: UnsafePointer<Float>, count: Int, scale: Float,
        scales: UnsafePointer<Float>, _ body: (_ index: Int, _ similarity: Float) -> Void
    ) {
        let limit = Lanes(repeating: threshold)
        var index = 0
        while index + Lanes.scalarCount <= count {
            let cosine = load(products + index) * load(scales + index) * scale
            let isFound = cosine .>= limit
            if any(isFound) {
                for lane in 0..<Lanes.scalarCount where isFound[lane] {
                    body(index + lane, cosine[lane])
                }
            }
            index += Lanes.scalarCount
        }
        while index < count {
            let cosine = products[index] * scales[index] * scale
            if cosine >= threshold { body(index, cosine) }
            index += 1
        }
    }
}
