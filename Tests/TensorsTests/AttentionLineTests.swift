import CKernels
import Foundation
import Tensors
import Testing

/// The attention kernels on queries, keys, values and gradients whose rows or columns are zero or differ in magnitude.
@Suite struct AttentionLineTests {
    private static let queries = 50
    private static let keys = 200
    private static let width = 24

    private static func matrix(
        _ rows: Int, _ noise: inout Noise, _ size: (_ row: Int, _ column: Int) -> Float
    ) -> GuardedMatrix {
        let result = GuardedMatrix(rows: rows, columns: width) { noise.next() }
        for r in 0..<rows {
            for c in 0..<width { result.memory[r * result.rowStride + c] *= size(r, c) }
        }
        return result
    }

    /// The output, [queries, width], and the log-sum-exps.
    private static func attention(
        _ set: KernelSet, _ q: GuardedMatrix, _ k: GuardedMatrix, _ v: GuardedMatrix
    ) -> (output: GuardedMatrix, logSumExp: GuardedMatrix) {
        let output = GuardedMatrix(rows: queries, columns: width)
        let logSumExp = GuardedMatrix(rows: 1, columns: queries)
        let scratch = GuardedFloats(count: ck_attention_scratch(width))
        let prepared = GuardedFloats(count: ck_prepared_keys(keys, width))
        set.kernels.prepare_keys(keys, width, k.base, v.base, k.rowStride, prepared.base)
        set.kernels.attention(
            ck_attention_task(
                query: q.base, key: k.base, value: v.base, row_stride: q.rowStride,
                prepared: prepared.base,
                output: output.base, output_row_stride: output.rowStride,
                log_sum_exp: logSumExp.base, queries: queries, keys: keys, width: width,
                scale: 0.2), scratch.base)
        return (output, logSumExp)
    }

    @Test(arguments: KernelSet.all)
    func zerosGiveUniformWeightsAndZeroOutputs(set: KernelSet) {
        var noise = Noise(seed: 1)
        let q = Self.matrix(Self.queries, &noise) { row, _ in row % 3 == 1 ? 0 : 4 }
        let k = Self.matrix(Self.keys, &noise) { _, _ in 4 }
        // A column of zeros, and one with zeros for all keys of the first block.
        let v = Self.matrix(Self.keys, &noise) { row, column in
            column == 3 || column == 5 && row < 120 ? 0 : 1
        }
        let (output, logSumExp) = Self.attention(set, q, k, v)
        for i in 0..<Self.queries {
            #expect(output[i, 3].bitPattern == 0)
            guard i % 3 == 1 else { continue }
            // All keys have the same weight, bit for bit.
            #expect(abs(Double(logSumExp[0, i]) - log2(Double(Self.keys))) <= 8 * rounding)
            for c in 0..<Self.width {
                let values = (0..<Self.keys).map { v[$0, c] }
                let mean = values.reduce(0.0) { $0 + Double($1) } / Double(Self.keys)
                let norm = (inner(values, values) / Double(Self.keys)).squareRoot()
                #expect(abs(Double(output[i, c]) - mean) <= 1e-6 * norm)
            }
        }
        // With zero keys all scores are zero.
        let zeroKeys = Self.matrix(Self.keys, &noise) { _, _ in 0 }
        let scores = Self.attention(set, q, zeroKeys, v).logSumExp.elements
        #expect(scores.allSatisfy { abs(Double($0) - log2(Double(Self.keys))) <= 8 * rounding })
    }

    @Test(arguments: KernelSet.all)
    func weightedMeanIsAccurateForAnyMagnitude(set: KernelSet) {
        var noise = Noise(seed: 2)
        let q = Self.matrix(Self.queries, &noise) { _, _ in 1 }
        let k = Self.matrix(Self.keys, &noise) { _, _ in 1 }
        let sizes: [Float] = [1, 1e-30, 0x1p-133, 0x1p-147, 1e30, 1e-20]
        let v = Self.matrix(Self.keys, &noise) { row, column in
            column == 7 && row == 77 ? 1e4 : column == 8 && row == 130 ? 1e30 : sizes[column % 6]
        }
        let output = Self.attention(set, q, k, v).output
        for i in 0..<Self.queries {
            let query = (0..<Self.width).map { q[i, $0] }
            let powers = (0..<Self.keys).map { j in
                exp(0.2 * inner(query, (0..<Self.width).map { k[j, $0] }))
            }
            let total = powers.reduce(0, +)
            for c in 0..<Self.width {
                var sum = 0.0
                var squares = (0.0, 0.0)
                for (j, power) in powers.enumerated() {
                    let (weight, value) = (power / total, Double(v[j, c]))
                    sum += weight * value
                    squares.0 += weight * weight
                    squares.1 += value * value
                }
                // Weights of scores below 2 are themselves within 5e-7, and each of the products may lose up
                // to the spacing of subnormals.
                let tolerance =
                    1.5e-6 * (squares.0 * squares.1).squareRoot()
                    + Double(Self.keys) * Double(Float.leastNonzeroMagnitude)
                #expect(
                    abs(Double(output[i, c]) - sum) <= tolerance,
                    "column \(c): \(output[i, c]), expected \(sum)")
            }
        }
    }

    @Test(arguments: KernelSet.all)
    func zeroGradientRowsStayZero(set: KernelSet) {
        var noise = Noise(seed: 3)
        let inputs = AttentionInputs(
            queries: 70, keys: 150, width: 20, scores: .small, noise: &noise)
        func clearRow(_ row: Int) {
            for c in 0..<20 { inputs.gradient.memory[row * inputs.gradient.rowStride + c] = 0 }
        }
        for row in stride(from: 1, to: 70, by: 3) { clearRow(row) }
        let partlyZero = inputs.pullback(by: set.kernels)
        for row in 0..<70 {
            #expect((0..<20).allSatisfy { (partlyZero[0][row, $0] == 0) == (row % 3 == 1) })
        }
        for row in 0..<70 { clearRow(row) }
        for result in inputs.pullback(by: set.kernels) {
            #expect(result.elements.allSatisfy { $0 == 0 })
        }
    }
}
