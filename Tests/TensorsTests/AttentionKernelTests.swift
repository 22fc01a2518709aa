import CKernels
import Foundation
import Tensors
import Testing

/// The kernel `attention` against a softmax in double precision.
@Suite struct AttentionKernelTests {
    /// How the scores of a query vary over the keys.
    enum Scores: CaseIterable {
        /// Within a few units of 0.
        case small
        /// From about -100 to 100 in random order: exp(100) alone exceeds the range of a float.
        case large
        /// Rising from -100 to 100 along the keys for two queries in three, falling for the third: while
        /// they rise, every block of keys exceeds the running maximum.
        case rising
        /// All equal: the result is the mean of the values.
        case equal
    }

    /// Every extent of each dimension several times, in seeded random combinations.
    static let cases: [(queries: Int, keys: Int, width: Int)] = {
        let extents = [1, 3, 16, 17, 47, 64, 65, 130, 144]
        var noise = Noise(seed: 2)
        return [8, 20, 32, 64, 80].flatMap { width in
            zip(noise.shuffled(extents + [48]), noise.shuffled(extents + [200])).map {
                ($0, $1, width)
            }
        }
    }()

    @Test(arguments: KernelSet.all, Scores.allCases)
    func attentionMatchesSoftmax(set: KernelSet, scores: Scores) {
        for (seed, (queries, keys, width)) in Self.cases.enumerated() {
            var noise = Noise(seed: UInt64(seed))
            let scale = 1 / Float(width).squareRoot()
            let (q, k) = Self.factors(scores, queries, keys, width, scale, &noise)
            let v = GuardedMatrix(rows: keys, columns: width) { noise.next() }
            let output = GuardedMatrix(rows: queries, columns: width, layout: .rows)
            let logSumExp = GuardedMatrix(rows: 1, columns: queries)
            let scratch = GuardedFloats(count: ck_attention_scratch(width))
            // Preparing the keys is optional: every other case omits it.
            let prepared = seed % 2 == 0 ? prepare(k, v, by: set) : nil
            set.kernels.attention(
                ck_attention_task(
                    query: q.base, key: k.base, value: v.base, row_stride: q.rowStride,
                    prepared: prepared?.base, output: output.base,
                    output_row_stride: output.rowStride, log_sum_exp: logSumExp.base,
                    queries: queries, keys: keys, width: width, scale: scale), scratch.base)
            #expect(output.isWrittenExactly && logSumExp.isWrittenExactly)
            let excess =
                (0..<queries).map { worst(output, logSumExp, $0, q, k, v, scale, set) }.max() ?? 0
            #expect(
                excess <= 1, "\(queries) queries, \(keys) keys, width \(width): \(excess)")
        }
    }

    @Test(arguments: KernelSet.all)
    func nanSpreadsToDependentOutputsOnly(set: KernelSet) {
        func result(query: Int?, key: Int?) -> [Bool] {
            var noise = Noise(seed: 6)
            let (queries, keys, width) = (50, 130, 8)
            let q = GuardedMatrix(rows: queries, columns: width) { noise.next() }
            let k = GuardedMatrix(rows: keys, columns: width) { noise.next() }
            let v = GuardedMatrix(rows: keys, columns: width) { noise.next() }
            if let query { q.memory[query * q.rowStride] = .nan }
            if let key { k.memory[key * k.rowStride] = .nan }
            let output = GuardedMatrix(rows: queries, columns: width)
            let scratch = GuardedFloats(count: ck_attention_scratch(width))
            let prepared = prepare(k, v, by: set)
            set.kernels.attention(
                ck_attention_task(
                    query: q.base, key: k.base, value: v.base, row_stride: q.rowStride,
                    prepared: prepared.base, output: output.base,
                    output_row_stride: output.rowStride, log_sum_exp: nil, queries: queries,
                    keys: keys, width: width, scale: 1), scratch.base)
            return (0..<queries).map { output[$0, 3].isNaN }
        }
        #expect(result(query: nil, key: nil).allSatisfy { !$0 })
        #expect(result(query: 17, key: nil) == (0..<50).map { $0 == 17 })
        for key in [0, 70, 129] { #expect(result(query: nil, key: key).allSatisfy { $0 }) }
    }

    /// Keys and values in the packed form of the instruction set.
    private func prepare(
        _ k: GuardedMatrix, _ v: GuardedMatrix, by set: KernelSet
    ) -> GuardedFloats {
        let prepared = GuardedFloats(count: ck_prepared_keys(k.rows, k.columns))
        set.kernels.prepare_keys(
            k.rows, k.columns, k.base, v.base, k.rowStride, prepared.base)
        return prepared
    }

    /// Queries and keys whose scores vary as requested.
    static func factors(
        _ scores: Scores, _ queries: Int, _ keys: Int, _ width: Int, _ scale: Float,
        _ noise: inout Noise
    ) -> (GuardedMatrix, GuardedMatrix) {
        let q = GuardedMatrix(rows: queries, columns: width) { noise.next() }
        let k = GuardedMatrix(rows: keys, columns: width) { noise.next() }
        switch scores {
        case .small: break
        case .large:
            let highest = (0..<queries).flatMap { i in
                (0..<keys).map { j in
                    abs((0..<width).reduce(Float(0)) { $0 + q[i, $1] * k[j, $1] * scale })
                }
            }.max()
            let factor = 100 / (highest ?? 1)
            for r in 0..<queries { for c in 0..<width { q.memory[r * q.rowStride + c] *= factor } }
        case .rising:
            for r in 0..<queries {
                q.memory[r * q.rowStride] = (r % 3 == 1 ? -1 : 1) / scale
            }
            for r in 0..<keys {
                k.memory[r * k.rowStride] = 200 * (Float(r) + 0.5) / Float(keys) - 100
            }
        case .equal:
            for r in 1..<max(keys, 1) {
                for c in 0..<width { k.memory[r * k.rowStride + c] = k[0, c] }
            }
        }
        return (q, k)
    }

    /// The largest error of a query's output and log-sum-exp, as a multiple of the tolerance.
    private func worst(
        _ output: GuardedMatrix, _ logSumExp: GuardedMatrix, _ query: Int, _ q: GuardedMatrix,
        _ k: GuardedMatrix, _ v: GuardedMatrix, _ scale: Float, _ set: KernelSet
    ) -> Double {
        let width = q.columns
        // Paired products add factors before multiplying: their rounding errors scale with the norms of
        // the factors (PairedProduct.h), others with the sum of the terms' magnitudes.
        let isPaired = set.kernels.balance != nil && set.kernels.split == nil
        func size(_ terms: [Double], _ a: [Double], _ b: [Double]) -> Double {
            isPaired ? norm(a) * norm(b) : terms.reduce(0) { $0 + abs($1) }
        }
        var scores: [Double] = []
        var scoreError = 0.0
        for j in 0..<k.rows {
            let a = (0..<width).map { Double(q[query, $0]) * Double(scale) }
            let b = (0..<width).map { Double(k[j, $0]) }
            let terms = zip(a, b).map { $0 * $1 }
            scores.append(terms.reduce(0, +))
            // A random walk of roundings, plus a few of the whole score: its scale and the base of the power.
            let magnitude = size(terms, a, b)
            scoreError = max(
                scoreError, (2 * Double(width).squareRoot() + 4) * rounding * magnitude)
        }
        let highest = scores.max() ?? 0
        let weights = scores.map { exp($0 - highest) }
        let total = weights.reduce(0, +)
        // An absolute error of a score is a relative error of its weight, in the numerator and in the
        // denominator; the power itself is within 1e-7. The sums over the keys follow, also in both.
        let relative =
            2 * (scoreError + 1e-7) + (4 * Double(k.rows).squareRoot() + 4) * rounding
        // An absolute error of a score and a relative error of the sum are absolute errors of the
        // logarithm; the logarithm and its offset are rounded at their own magnitude.
        let logarithm = (highest + log(total)) / log(2)
        let logarithmExcess =
            abs(Double(logSumExp[0, query]) - logarithm)
            / (2 * relative + 2 * rounding * (1 + abs(logarithm)))
        let excesses = (0..<width).map { d in
            let a = weights.map { $0 / total }
            let b = (0..<k.rows).map { Double(v[$0, d]) }
            let terms = zip(a, b).map { $0 * $1 }
            let error = abs(Double(output[query, d]) - terms.reduce(0, +))
            return error / (relative * size(terms, a, b) + 1e-30)
        }
        return (excesses + [logarithmExcess]).map { $0.isNaN ? .infinity : $0 }.max() ?? 0
    }
}
