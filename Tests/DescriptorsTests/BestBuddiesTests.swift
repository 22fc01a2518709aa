import Descriptors
import Foundation
import Tensors
import Testing
import ViT

private struct SimilarityCase: Decodable {
    let a: [Int]
    let b: [Int]
    let binned: Bool
    let aValues: [Float]
    let bValues: [Float]
    let forward: [Int]
    let forwardSimilarity: [Float]
    let backward: [Int]
    let backwardSimilarity: [Float]
    let buddies: [Int]
}

/// All cosines between two grids of values `[rows, columns, channels]`, computed naively.
private func cosines(_ a: Tensor, _ b: Tensor) -> [[Double]] {
    func vectors(_ values: Tensor) -> [[Double]] {
        let elements = values.elements.map(Double.init)
        return stride(from: 0, to: values.count, by: values.shape[2]).map {
            Array(elements[$0..<($0 + values.shape[2])])
        }
    }
    func product(_ a: [Double], _ b: [Double]) -> Double {
        zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
    }
    let (a, b) = (vectors(a), vectors(b))
    let (aNorms, bNorms) = (a.map { product($0, $0) }, b.map { product($0, $0) })
    return a.indices.map { i in
        b.indices.map { j in product(a[i], b[j]) / (aNorms[i] * bNorms[j]).squareRoot() }
    }
}

/// Covers the rounding of single-precision sums over 17 bins of a few channels, which the cosine scales down.
private let tolerance: Float = 2e-6

@Suite struct BestBuddiesTests {
    @Test func nearestNeighboursMatchReference() throws {
        let cases: [SimilarityCase] = try fixture("similarity.json")
        for example in cases {
            let a = grid(example.aValues, example.a[0], example.a[1])
            let b = grid(example.bValues, example.b[0], example.b[1])
            let binning = example.binned ? Binning.logarithmic() : .none
            let nearest = NearestNeighbours(a, b, binning: binning)
            #expect(nearest.source.map { Int($0.index) } == example.forward)
            #expect(nearest.target.map { Int($0.index) } == example.backward)
            #expect(
                greatestDifference(nearest.source.map(\.similarity), example.forwardSimilarity)
                    < tolerance)
            #expect(
                greatestDifference(nearest.target.map(\.similarity), example.backwardSimilarity)
                    < tolerance)
            let buddies = bestBuddies(a, b, binning: binning)
            #expect(buddies.map(\.source) == example.buddies)
            #expect(buddies.map(\.target) == example.buddies.map { example.forward[$0] })
        }
    }

    static let grids = [(1, 1), (1, 7), (7, 1), (3, 2), (9, 13), (4, 11), (2, 25), (17, 3)]
    static let binnings: [Binning] = [
        .none, .logarithmic(hierarchy: 1), .logarithmic(), .logarithmic(hierarchy: 3),
    ]

    @Test(arguments: grids, grids)
    func similaritiesMatchBinnedDescriptors(_ a: (Int, Int), _ b: (Int, Int)) {
        let channels = 5
        let first = grid(noise(a.0 * a.1 * channels, seed: 1), a.0, a.1)
        let second = grid(noise(b.0 * b.1 * channels, seed: 2), b.0, b.1)
        for binning in Self.binnings {
            func values(_ grid: DescriptorGrid) -> Tensor {
                if case .logarithmic(let hierarchy) = binning {
                    return grid.logBinned(hierarchy: hierarchy)
                }
                return grid.values
            }
            let expected = cosines(values(first), values(second))
            // From all of the second grid at once to the smallest bands.
            for memoryBudget in [SearchPlan.memoryBudget, 20_000, 1] {
                let nearest = NearestNeighbours(
                    first, second, binning: binning, memoryBudget: memoryBudget)
                #expect(nearest.source.count == expected.count)
                #expect(nearest.target.count == b.0 * b.1)
                for (row, best) in zip(expected, nearest.source) {
                    check(best, against: row)
                }
                for (column, best) in nearest.target.enumerated() {
                    check(best, against: expected.map { $0[column] })
                }
            }
        }
    }

    private func check(_ best: NearestNeighbours.Best, against similarities: [Double]) {
        guard similarities.indices.contains(Int(best.index)), let greatest = similarities.max()
        else {
            Issue.record("index \(best.index) of \(similarities.count)")
            return
        }
        #expect(abs(Float(similarities[Int(best.index)]) - best.similarity) < tolerance)
        #expect(Float(greatest) - best.similarity < tolerance)
    }

    @Test func firstOfEqualCellsIsNearest() {
        // With integers, the products of equal descriptors are equal to the bit.
        let (one, other): ([Float], [Float]) = ([3, 1], [1, 3])
        let a = grid((0..<70).flatMap { _ in one }, 10, 7)
        let b = grid((0..<66).flatMap { $0 % 2 == 0 ? one : other }, 3, 22)
        let nearest = NearestNeighbours(a, b, binning: .none)
        #expect(nearest.source.allSatisfy { $0.index == 0 })
        #expect(nearest.target.allSatisfy { $0.index == 0 })
        #expect(
            bestBuddies(a, b, binning: .none).map { [$0.source, $0.target] } == [[0, 0]])
        for memoryBudget in [1, 30_000] {
            let banded = NearestNeighbours(b, a, binning: .none, memoryBudget: memoryBudget)
            #expect(banded.source.allSatisfy { $0.index == 0 })
            #expect(banded.target.allSatisfy { $0.index == 0 })
        }
    }

    /// Descriptors that vary so slowly that the similarities of neighbouring cells differ by less than integers resolve.
    @Test(arguments: [0.0, 1e-4, 1e-2, 1])
    func candidatesGiveTheBuddiesOfTheSearchInFloatsToTheBit(detail: Double) throws {
        func wave(_ rows: Int, _ columns: Int, _ phase: Double, seed: UInt64) -> DescriptorGrid {
            let noise = noise(rows * columns * 40, seed: seed)
            let values = noise.indices.map { index in
                let (cell, channel) = index.quotientAndRemainder(dividingBy: 40)
                let (row, column) = cell.quotientAndRemainder(dividingBy: columns)
                let place = Double(row) / 9 + Double(column * (channel % 7)) / 40 + phase
                return Float(sin(place + Double(channel))) + Float(detail) * noise[index]
            }
            return grid(values, rows, columns)
        }
        let a = wave(17, 23, 0, seed: 8)
        let b = wave(14, 19, 0.3, seed: 9)
        for binning in [Binning.none, .logarithmic()] {
            let nearest = NearestNeighbours(a, b, binning: binning)
            let expected = nearest.source.enumerated().compactMap { source, best in
                nearest.target[Int(best.index)].index == source
                    ? BestBuddy(
                        source: source, target: Int(best.index), similarity: best.similarity)
                    : nil
            }
            #expect(!expected.isEmpty)
            for memoryBudget in [200_000, SearchPlan.memoryBudget] {
                let found = CandidateSearch.bestBuddies(
                    a, b, binning: binning, memoryBudget: memoryBudget)
                if let found { #expect(found == expected) }
                if detail >= 1e-2 && Kernels.best.has_fused_multiply_add { #expect(found != nil) }
            }
            #expect(bestBuddies(a, b, binning: binning) == expected)
        }
    }

    @Test func withoutDetailTheSearchIsInFloats() {
        let flat = grid([Float](repeating: 1, count: 30 * 30 * 4), 30, 30)
        #expect(CandidateSearch.bestBuddies(flat, flat, binning: .none) == nil)
        #expect(
            bestBuddies(flat, flat, binning: .none).map { [$0.source, $0.target] } == [[0, 0]])
    }

    @Test func everyCellIsItsOwnBestBuddy() {
        let a = grid(noise(9 * 8 * 6, seed: 3), 9, 8)
        let buddies = bestBuddies(a, a)
        #expect(buddies.map(\.source) == Array(0..<72))
        #expect(buddies.map(\.target) == Array(0..<72))
        #expect(buddies.allSatisfy { abs($0.similarity - 1) < tolerance })
    }

    @Test func zeroAndNonFiniteDescriptorsAreHandled() {
        let zeros = grid([Float](repeating: 0, count: 12), 2, 3)
        let other = grid(noise(12, seed: 4), 3, 2)
        // Zero vectors have similarity 0 to all, so the first is nearest.
        #expect(
            bestBuddies(zeros, other) == [BestBuddy(source: 0, target: 0, similarity: 0)])
        let undefined = grid([Float](repeating: .nan, count: 12), 2, 3)
        #expect(bestBuddies(undefined, other).isEmpty)
    }

    @Test func resultsAreIdenticalForAnyThreadCount() {
        let a = grid(noise(19 * 23 * 40, seed: 5), 19, 23)
        let b = grid(noise(31 * 14 * 40, seed: 6), 31, 14)
        let before = Parallelism.threadCount
        defer { Parallelism.threadCount = before }
        let results = [1, 2, 3, 7].map { threads in
            Parallelism.threadCount = threads
            return (NearestNeighbours(a, b, binning: .logarithmic()), a.logBinned())
        }
        for result in results {
            #expect(result.0.source == results[0].0.source)
            #expect(result.0.target == results[0].0.target)
            #expect(result.1 == results[0].1)
        }
    }
}
