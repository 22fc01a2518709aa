import CKernels
import Foundation
import Tensors
import Testing

/// Attention in 16-bit integers against a softmax in double precision.
@Suite struct IntegerAttentionKernelTests {
    @Test(arguments: IntegerKernelSet.all, AttentionKernelTests.Scores.allCases)
    func attentionMatchesSoftmax(set: IntegerKernelSet, scores: AttentionKernelTests.Scores) {
        for (seed, (queries, keys, width)) in AttentionKernelTests.cases.enumerated() {
            var noise = Noise(seed: UInt64(seed))
            let scale = 1 / Float(width).squareRoot()
            let (q, k) = AttentionKernelTests.factors(scores, queries, keys, width, scale, &noise)
            let v = GuardedMatrix(rows: keys, columns: width) { noise.next() }
            let output = attention(q, k, v, scale, set)
            #expect(output.isWrittenExactly)
            let excess = (0..<queries).map { worst(output, $0, q, k, v, scale) }.max() ?? 0
            #expect(
                excess <= 1, "\(queries) queries, \(keys) keys, width \(width): \(excess)")
        }
    }

    @Test(arguments: IntegerKernelSet.all)
    func nanAndInfinitySpreadToDependentOutputsOnly(set: IntegerKernelSet) {
        let (queries, keys, width) = (50, 130, 8)
        /// Which outputs are NaN, given a change of queries, keys and values.
        func result(_ change: (GuardedMatrix, GuardedMatrix, GuardedMatrix) -> Void) -> [Bool] {
            var noise = Noise(seed: 6)
            let (q, k, v) = (
                GuardedMatrix(rows: queries, columns: width) { noise.next() },
                GuardedMatrix(rows: keys, columns: width) { noise.next() },
                GuardedMatrix(rows: keys, columns: width) { noise.next() }
            )
            change(q, k, v)
            let output = attention(q, k, v, 1, set)
            return (0..<queries * width).map { output[$0 / width, $0 % width].isNaN }
        }
        let indices = 0..<queries * width
        #expect(result { _, _, _ in } == indices.map { _ in false })
        for bad in [Float.nan, .infinity] {
            #expect(
                result { q, _, _ in q.memory[17 * q.rowStride + 2] = bad }
                    == indices.map { $0 / width == 17 })
            for key in [0, 70, 129] {
                #expect(
                    result { _, k, _ in k.memory[key * k.rowStride] = bad }
                        == indices.map { _ in true })
                #expect(
                    result { _, _, v in v.memory[key * v.rowStride + 3] = bad }
                        == indices.map { $0 % width == 3 })
            }
        }
    }

    private func attention(
        _ q: GuardedMatrix, _ k: GuardedMatrix, _ v: GuardedMatrix, _ scale: Float,
        _ set: IntegerKernelSet
    ) -> GuardedMatrix {
        let width = q.columns
        let output = GuardedMatrix(rows: q.rows, columns: width, layout: .rows)
        let scratch = GuardedFloats(count: ck_integer_attention_scratch(width))
        let prepared = GuardedFloats(count: ck_prepared_integer_keys(k.rows, width))
        set.kernels.prepare_keys(
            k.rows, width, k.base, v.base, k.rowStride, prepared.base, scratch.base)
        set.kernels.attention(
            ck_attention_task(
                query: q.base, key: k.base, value: v.base, row_stride: q.rowStride,
                prepared: prepared.base, output: output.base, output_row_stride: output.rowStride,
                log_sum_exp: nil, queries: q.rows, keys: k.rows, width: width, scale: scale),
            scratch.base)
        return output
    }

    /// The largest error of a query's output, as a multiple of the tolerance.
    private func worst(
        _ output: GuardedMatrix, _ query: Int, _ q: GuardedMatrix, _ k: GuardedMatrix,
        _ v: GuardedMatrix, _ scale: Float
    ) -> Double {
        let width = q.columns
        let keys = 0..<k.rows
        /// Half a step of a row's integers: the row's largest magnitude is at most 32767 of them, and its length 2^15.5
        /// but for the rounding of `width` integers.
        func halfStep(_ row: [Double]) -> Double {
            let bound = 0x1p15 * 2.0.squareRoot() - Double(row.count).squareRoot()
            return max((row.map(abs).max() ?? 0) / 32767, norm(row) / bound) / 2
        }
        let a = (0..<width).map { Double(q[query, $0]) }
        var scores: [Double] = []
        var scoreError = 0.0
        for j in keys {
            let b = (0..<width).map { Double(k[j, $0]) }
            scores.append(Double(scale) * zip(a, b).reduce(0) { $0 + $1.0 * $1.1 })
            // Each element is rounded by half a step at most: a random walk, whose steps deviate by 1/sqrt(3) of that. The
            // scaled score is a float.
            let rounded = 2.5 * (halfStep(a) * norm(b) + halfStep(b) * norm(a))
            scoreError = max(
                scoreError, Double(scale) * rounded + 8 * rounding * abs(scores[j]))
        }
        let highest = scores.max() ?? 0
        let powers = scores.map { exp($0 - highest) }
        let total = powers.reduce(0, +)
        let growth = exp(scoreError) - 1
        let excesses = (0..<width).map { d in
            let b = keys.map { Double(v[$0, d]) }
            let expected = zip(powers, b).reduce(0) { $0 + $1.0 * $1.1 } / total
            // Errors of weights move the mean of the values, which are independent of them, in a random walk. Powers are
            // multiples of 1/4095 of their block's highest: errors of half of that at most by rounding, and of a third by
            // the polynomial, deviate by a third. Values are rounded too.
            let deviations = b.map { ($0 - expected) / total }
            let moved = norm(zip(powers, deviations).map { growth * $0.0 * $0.1 })
            let rounded = 1.6 / 4095 * norm(deviations) + 3 * halfStep(b) * norm(powers) / total
            let error = abs(Double(output[query, d]) - expected)
            return error / (moved + rounded + 1e-6)
        }
        return excesses.map { $0.isNaN ? .infinity : $0 }.max() ?? 0
    }
}
