import Platform
import Tensors
import ViT

/// For each cell of two grids, the most similar cell of the other grid by the cosine of their
/// descriptors.
///
/// Binned descriptors are never formed. The product of two of them is a sum over bins of products
/// of plain descriptors at the same offset in both grids: the nine offsets of level 0, and the
/// eight of each further level in that level's averaged grids. So each level needs only one matrix
/// product of plain grids. Rows and columns of an offset are clamped to the grid independently, so the
/// sum is taken along columns first, with `S` the products of a level and `s` its distance:
///
///     R[y, x, v, u] = sum over d in {-s, 0, s} of S[y, x + d, v, u + d]
///     T[y, x, v, u] += R[y - s, x, v - s, u] + M[y, x, v, u] + R[y + s, x, v + s, u]
///
/// where `M` is `R`, or `R - S` if the centre is not a bin. Products are computed for a few rows of the
/// source at a time (`SearchPlan`); each column of the source is a task of its own and keeps the last
/// rows of `R` and `M`.
package struct NearestNeighbours {
    package typealias Best = SimilarityKernels.Best

    /// The nearest target cell of each source cell, in row-major order.
    package let source: [Best]
    /// The nearest source cell of each target cell, in row-major order.
    package let target: [Best]

    /// Searches both grids.
    ///
    /// - Parameter memoryBudget: working memory in bytes; see `SearchPlan`.
    /// - Precondition: both grids have the same number of channels.
    /// - Complexity: O(levels * source cells * target cells * channels) time.
    package init(
        _ source: DescriptorGrid, _ target: DescriptorGrid, binning: Binning,
        memoryBudget: Int = SearchPlan.memoryBudget
    ) {
        checkComparable(source, target)
        self.init(
            SearchSide(source, binning: binning), SearchSide(target, binning: binning),
            plan: SearchPlan(
                source: source.grid, target: target.grid, levels: binning.levels,
                memoryBudget: memoryBudget))
    }

    /// - Parameter candidates: collects candidates of a search in integers, whose own results are then approximate; nil
    ///   for a search in floats.
    init(
        _ sourceSide: SearchSide, _ targetSide: SearchSide, plan: SearchPlan,
        candidates: CandidateCollector? = nil
    ) {
        let (source, target) = (plan.source, plan.target)
        var sourceBest = [Best](repeating: Best(), count: source.count)
        var targetBest: [Best] = []
        targetBest.reserveCapacity(target.count)
        var memory = Tensor(uninitialized: [plan.count])
        var columnIndices = [Int32](
            repeating: -1, count: plan.source.columns * plan.pitch)
        memory.withUnsafeMutableElements { memory in
            columnIndices.withUnsafeMutableBufferPointer { columnIndices in
                guard let memory = memory.baseAddress,
                    let columnIndices = columnIndices.baseAddress
                else { return }
                for start in stride(from: 0, to: target.rows, by: plan.targetRows) {
                    let search = BandSearch(
                        plan: plan, band: start..<min(start + plan.targetRows, target.rows),
                        source: sourceSide, target: targetSide, memory: memory,
                        columnIndices: columnIndices, candidates: candidates)
                    search.run(best: &sourceBest)
                    targetBest += search.columnBests
                }
            }
        }
        self.source = sourceBest
        self.target = targetBest
    }
}

/// Checks that the cells of two grids can be compared.
func checkComparable(_ source: DescriptorGrid, _ target: DescriptorGrid) {
    require(
        source.channels == target.channels,
        "nearest neighbours: descriptors of \(source.channels) and \(target.channels) channels")
    require(
        max(source.grid.count, target.grid.count) <= Int(Int32.max),
        "nearest neighbours: \(source.grid.count) and \(target.grid.count) cells")
}

/// One grid's input to a search.
struct SearchSide {
    /// The averaged grid of each level, as a matrix `[cells, channels]`.
    let pools: [Tensor]
    /// The reciprocal norm of each cell's binned descriptor, at most 1e8 (PyTorch's
    /// `CosineSimilarity` clamps norms to at least 1e-8).
    let scales: [Float]
    /// The averaged grids in integers, of the target of an approximate search.
    private(set) var factors: [IntegerFactor] = []

    /// Prepares the side to be the target of an approximate search.
    mutating func quantize() {
        factors = pools.map { IntegerFactor($0, bits: CandidateSearch.bits) }
    }

    init(_ descriptors: DescriptorGrid, binning: Binning) {
        let grid = descriptors.grid
        var squares = [Float](repeating: 0, count: grid.count)
        pools = binning.levels.map { level in
            let pool = level.pooled(descriptors.values).reshaped(to: descriptors.matrix.shape)
            let plain = squaredNorms(pool)
            let offsets = level.offsets
            for cell in 0..<grid.count {
                let row = cell / grid.columns
                let column = cell % grid.columns
                for offset in offsets {
                    squares[cell] +=
                        plain[
                            clamp(row + offset.row, below: grid.rows) * grid.columns
                                + clamp(column + offset.column, below: grid.columns)]
                }
            }
            return pool
        }
        scales = squares.map { 1 / max($0.squareRoot(), 1e-8) }
    }
}

/// The sum of squares of each row of a matrix. Complexity: O(count).
func squaredNorms(_ matrix: Tensor) -> [Float] {
    let columns = matrix.shape[1]
    return matrix.withUnsafeElements { elements in
        [Float](unsafeUninitializedCapacity: matrix.shape[0]) { norms, count in
            count = matrix.shape[0]
            nonisolated(unsafe) let norms = norms
            nonisolated(unsafe) let elements = elements
            Parallelism.perform(count: count) { row in
                let start = row * columns
                var lanes = SIMD8<Float>.zero
                var index = 0
                while index + 8 <= columns {
                    for lane in 0..<8 {
                        let element = elements[start + index + lane]
                        lanes[lane] += element * element
                    }
                    index += 8
                }
                var sum = lanes.sum()
                while index < columns {
                    sum += elements[start + index] * elements[start + index]
                    index += 1
                }
                norms[row] = sum
            }
        }
    }
}
