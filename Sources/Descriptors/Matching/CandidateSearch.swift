import Tensors
import ViT

/// Finds mutual nearest neighbours: selects a few candidates for each cell by similarities in integers, and compares
/// the candidates by the similarities of a search in floats. The result is bit-identical to that of
/// `NearestNeighbours`, in less time.
///
/// A similarity in integers differs from that in floats by at most `bound`. The nearest cell's similarity in integers
/// is therefore at most twice the bound below the greatest.
package struct CandidateSearch {
    /// Bits of the integers. With 16 a cell has between one and two candidates; with 8 the bound is so wide that their
    /// comparison would take longer than the search.
    static let bits = 16

    private let plan: SearchPlan
    private let source: SearchSide
    private let target: SearchSide

    /// The largest possible difference between the similarities of the two searches.
    ///
    /// Let a, b be descriptors, and a + e, b + f their quantised forms. Rounding changes an integer by at most 1/2, and
    /// the longest row has the length 32767 at least, so |e| <= d |a| with d = sqrt(channels) / 2 / 32767, and the same
    /// for b: the product changes by at most (2 d + d²) |a| |b| (Cauchy-Schwarz). A sum over bins of such products
    /// changes by at most (2 d + d²) times the product of the binned descriptors' lengths (Cauchy-Schwarz again), the
    /// similarity by 2 d + d². The rest is rounding in floats, likewise relative to |a| |b|.
    ///
    /// Plain products are within channels units of 2^-24. Paired kernels add (a + b')(a' + b) and subtract a a' and
    /// b b', rows and columns scaled to root mean squares between 0.7 and 2. With r the quotient of both, the sizes of
    /// the first terms sum to (r + 1/r) |a| |b| at most, those of the others to half of that, 4.9 |a| |b| in all, and a
    /// term is rounded channels / 2 + 20 times: within 2.5 channels + 98 units. The bound allows 8 * channels units for
    /// the products, and 100 for the sums over bins and the scaling of both searches.
    static func bound(channels: Int) -> Float {
        // Two per cent more for rounding within the quantisation itself.
        let d = 1.02 * Double(channels).squareRoot() / 2 / 32767
        return Float(1.001 * (2 * d + d * d + Double(8 * channels + 100) * 0x1p-24))
    }

    /// The mutual nearest neighbours in the order of the source; nil if the search in floats is faster, or its products
    /// do not come from the package's kernels.
    ///
    /// - Parameter memoryBudget: working memory in bytes; see `SearchPlan`.
    /// - Precondition: the grids have the same number of channels.
    package static func bestBuddies(
        _ a: DescriptorGrid, _ b: DescriptorGrid, binning: Binning,
        memoryBudget: Int = SearchPlan.memoryBudget
    ) -> [BestBuddy]? {
        guard Kernels.best.has_fused_multiply_add, a.channels > 0 else { return nil }
        let source = SearchSide(a, binning: binning)
        var target = SearchSide(b, binning: binning)
        // Descriptors with infinities, NaN, or lengths beyond floats cannot be quantised.
        guard source.isFinite, target.isFinite else { return nil }
        target.quantize()
        let plan = SearchPlan(
            source: a.grid, target: b.grid, levels: binning.levels,
            memoryBudget: memoryBudget)
        let collector = CandidateCollector(plan, window: 2 * bound(channels: a.channels))
        let approximate = NearestNeighbours(source, target, plan: plan, candidates: collector)
        guard let candidates = collector.result(approximate.source) else { return nil }
        return CandidateSearch(plan: plan, source: source, target: target).buddies(candidates)
    }

    private func buddies(_ candidates: CandidateCollector.Result) -> [BestBuddy] {
        // Chunks of cells, whose number depends on the shapes alone.
        let chunk = 64
        let chunks = (plan.source.count + chunk - 1) / chunk
        let nearest = Parallelism.map(count: chunks) { index in
            (index * chunk..<min((index + 1) * chunk, plan.source.count)).map { cell in
                nearestTarget(of: cell, candidates.ofSource[cell])
            }
        }.flatMap { $0 }
        let found = Parallelism.map(count: chunks) { index in
            (index * chunk..<min((index + 1) * chunk, plan.source.count)).compactMap {
                cell -> BestBuddy? in
                guard let target = nearest[cell].map(Int.init) else { return nil }
                let others = candidates.ofTarget[target]
                guard others.contains(Int32(cell)) else { return nil }
                let similarity = similarities(of: cell, to: [Int32(target)])[0]
                for other in others where other != cell {
                    let rival = similarities(of: Int(other), to: [Int32(target)])[0]
                    guard similarity > rival || similarity == rival && cell < other else {
                        return nil
                    }
                }
                return BestBuddy(source: cell, target: target, similarity: similarity)
            }
        }
        return found.flatMap { $0 }
    }

    /// The nearest of a source cell's candidates; the first wins a tie.
    private func nearestTarget(of cell: Int, _ candidates: [Int32]) -> Int32? {
        guard candidates.count > 1 else { return candidates.first }
        var best = SimilarityKernels.Best()
        for start in stride(from: 0, to: candidates.count, by: 16) {
            let some = Array(candidates[start..<min(start + 16, candidates.count)])
            for (target, similarity) in zip(some, similarities(of: cell, to: some))
            where similarity > best.similarity
                || similarity == best.similarity && target < best.index
            {
                best = SimilarityKernels.Best(similarity: similarity, index: target)
            }
        }
        return best.index
    }

    /// The similarities of a source cell to target cells, computed by the operations of `BandSearch` in their order.
    private func similarities(of cell: Int, to targets: [Int32]) -> [Float] {
        let (row, column) = (cell / plan.source.columns, cell % plan.source.columns)
        var sums = [Float](repeating: 0, count: targets.count)
        for (level, binning) in plan.levels.enumerated() {
            let step = binning.step
            // Around each cell, a cell in each direction: three rows of three; only the cell itself at step 0.
            let directions = step == 0 ? [0] : [-1, 0, 1]
            func around(_ row: Int, _ column: Int, in grid: PatchGrid) -> [Int] {
                directions.flatMap { down in
                    directions.map { across in
                        clamp(row + down * step, below: grid.rows) * grid.columns
                            + clamp(column + across * step, below: grid.columns)
                    }
                }
            }
            let places = directions.count * directions.count
            let sources = around(row, column, in: plan.source)
            let others = targets.flatMap {
                around(
                    Int($0) / plan.target.columns, Int($0) % plan.target.columns, in: plan.target)
            }
            let products = products(
                source.pools[level].gathered(sources), target.pools[level].gathered(others))
            for index in targets.indices {
                // The product at one place around both cells.
                func product(_ place: Int) -> Float {
                    products[place * others.count + index * places + place]
                }
                guard step > 0 else {
                    sums[index] = product(0)
                    continue
                }
                func sides(_ first: Int) -> Float { product(first) + product(first + 2) }
                func all(_ first: Int) -> Float { sides(first) + product(first + 1) }
                let middle = binning.hasCentre ? all(3) : sides(3)
                let sum = all(0) + middle + all(6)
                sums[index] = level > 0 ? sum + sums[index] : sum
            }
        }
        return zip(targets, sums).map { $1 * target.scales[Int($0)] * source.scales[cell] }
    }

    private func products(_ rows: Tensor, _ columns: Tensor) -> [Float] {
        let (m, n, k) = (rows.shape[0], columns.shape[0], rows.shape[1])
        return [Float](unsafeUninitializedCapacity: m * n) { target, count in
            count = m * n
            guard let target = target.baseAddress else { return }
            withUnsafePointers(reading: rows, columns) {
                multiply(
                    MatrixView($0, rows: m, columns: k),
                    MatrixView($1, rows: n, columns: k).transposed, into: target, rowStride: n)
            }
        }
    }
}

extension SearchSide {
    fileprivate var isFinite: Bool { scales.allSatisfy { $0.isFinite && $0 > 0 } }
}

extension Tensor {
    /// Some rows of a matrix.
    fileprivate func gathered(_ rows: [Int]) -> Tensor {
        let columns = shape[1]
        return Tensor(shape: [rows.count, columns]) { target in
            withUnsafeElements { source in
                guard let source = source.baseAddress, let target = target.baseAddress else {
                    return
                }
                for (place, row) in rows.enumerated() {
                    (target + place * columns).update(
                        from: source + row * columns, count: columns)
                }
            }
        }
    }
}
