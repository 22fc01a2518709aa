import CKernels
import Foundation
import Tensors
import Testing

/// The kernel `attention_pullback` against the formulas in double precision.
@Suite struct AttentionPullbackKernelTests {
    /// How the scores of a query vary over the keys.
    enum Scores: CaseIterable {
        /// Within a few units of 0.
        case small
        /// From about -80 to 80: nearly all the weight lies on one key.
        case peaked
        /// All equal: every weight is 1 / keys.
        case equal
    }

    /// Small and large extents with every width; fewer keys than queries, as in tasks for some of the keys.
    static let cases = [
        (queries: 1, keys: 1, width: 64), (2, 2, 24), (17, 17, 64), (65, 65, 32), (197, 197, 64),
        (300, 300, 20), (300, 151, 7), (10, 10, 24), (37, 37, 24), (130, 3, 1), (129, 257, 80),
        (64, 128, 48), (3, 130, 33),
    ]

    @Test(arguments: Scores.allCases)
    func pullbackMatchesFormulas(scores: Scores) {
        for (seed, (queries, keys, width)) in Self.cases.enumerated() {
            var noise = Noise(seed: UInt64(seed))
            let inputs = AttentionInputs(
                queries: queries, keys: keys, width: width, scores: scores, noise: &noise)
            let reference = AttentionPullbackReference(inputs)
            for set in KernelSet.all {
                let name = "\(set.testDescription), \(queries)x\(keys)x\(width)"
                let results = inputs.pullback(by: set.kernels)
                for result in results { #expect(result.isWrittenExactly, "\(name)") }
                let excess = reference.excess(of: results)
                #expect(excess.allSatisfy { $0 <= 1 }, "\(name): \(excess)")
            }
        }
    }

    @Test(arguments: KernelSet.all)
    func nanSpreadsToDependentGradientsOnly(set: KernelSet) {
        var noise = Noise(seed: 6)
        let inputs = AttentionInputs(
            queries: 70, keys: 150, width: 20, scores: .small, noise: &noise)
        inputs.gradient.memory[33 * inputs.gradient.rowStride + 19] = .nan
        let results = inputs.pullback(by: set.kernels)
        for row in 0..<70 { #expect(results[0][row, 3].isNaN == (row == 33)) }
        for row in 0..<150 {
            #expect(results[1][row, 3].isNaN && results[2][row, 19].isNaN)
            #expect(!results[2][row, 3].isNaN)
        }
    }
}

/// The inputs of a task; the output and the log-sum-exp are computed in double precision.
struct AttentionInputs {
    let query: GuardedMatrix
    let key: GuardedMatrix
    let value: GuardedMatrix
    let gradient: GuardedMatrix
    let output: GuardedMatrix
    let logSumExp: GuardedFloats
    let scale: Float

    init(
        queries: Int, keys: Int, width: Int, scores: AttentionPullbackKernelTests.Scores,
        noise: inout Noise
    ) {
        query = GuardedMatrix(rows: queries, columns: width) { noise.next() }
        key = GuardedMatrix(rows: keys, columns: width) { noise.next() }
        value = GuardedMatrix(rows: keys, columns: width) { noise.next() }
        gradient = GuardedMatrix(rows: queries, columns: width) { noise.next() }
        output = GuardedMatrix(rows: queries, columns: width)
        logSumExp = GuardedFloats(count: queries)
        scale = 1 / Float(width).squareRoot()
        switch scores {
        case .small: break
        case .peaked:
            // Scores with a standard deviation of 20: the highest of some thousand is about 80.
            for r in 0..<queries {
                for c in 0..<width { query.memory[r * query.rowStride + c] *= 60 }
            }
        case .equal:
            for r in 1..<max(keys, 1) {
                for c in 0..<width { key.memory[r * key.rowStride + c] = key[0, c] }
            }
        }
        for i in 0..<queries {
            let scores = (0..<keys).map { j in
                (0..<width).reduce(0.0) { $0 + Double(query[i, $1]) * Double(key[j, $1]) }
                    * Double(scale)
            }
            let highest = scores.max() ?? 0
            let total = scores.reduce(0) { $0 + exp($1 - highest) }
            logSumExp[i] = Float((highest + log(total)) / log(2))
            for c in 0..<width {
                output.memory[i * output.rowStride + c] = Float(
                    (0..<keys).reduce(0) {
                        $0 + exp(scores[$1] - highest) / total * Double(value[$1, c])
                    })
            }
        }
    }

    /// The gradients with respect to queries, keys and values.
    func pullback(by kernels: Kernels) -> [GuardedMatrix] {
        let results = [query, key, key].map { GuardedMatrix(rows: $0.rows, columns: $0.columns) }
        let scratch = GuardedFloats(count: ck_attention_pullback_scratch(query.columns))
        kernels.attention_pullback(
            ck_attention_pullback_task(
                query: query.base, key: key.base, value: value.base, row_stride: query.rowStride,
                output: output.base, gradient: gradient.base, output_row_stride: output.rowStride,
                log_sum_exp: logSumExp.base, query_gradient: results[0].base,
                query_gradient_row_stride: results[0].rowStride, key_gradient: results[1].base,
                value_gradient: results[2].base, gradient_row_stride: results[1].rowStride,
                queries: query.rows, keys: key.rows, width: query.columns, scale: scale),
            scratch.base)
        return results
    }
}

/// The gradients in double precision, with a tolerance for rounding for each element.
struct AttentionPullbackReference {
    private var expected: [[Double]]
    private var allowed: [[Double]]
    private let width: Int

    init(_ x: AttentionInputs) {
        let queries = x.query.rows
        let keys = x.key.rows
        width = x.query.columns
        expected = [queries, keys, keys].map { [Double](repeating: 0, count: $0 * x.query.columns) }
        allowed = expected
        let scale = Double(x.scale)
        let (q, k, v) = (x.query.doubles, x.key.doubles, x.value.doubles)
        let (g, o) = (x.gradient.doubles, x.output.doubles)
        // Each sum is a random walk of roundings, plus a few of the whole.
        let overWidth = (2 * Double(width).squareRoot() + 4) * rounding
        let overQueries = (2 * Double(queries).squareRoot() + 4) * rounding
        let overKeys = (2 * Double(keys).squareRoot() + 4) * rounding

        for i in 0..<queries {
            let products = (0..<keys).map { inner(q, i, k, $0) }
            let gradients = (0..<keys).map { inner(g, i, v, $0) }
            let highest = products.map(\.sum).max() ?? 0
            let powers = products.map { exp(scale * ($0.sum - highest)) }
            let total = powers.reduce(0, +)
            let row = zip(powers, gradients).reduce(0) { $0 + $1.0 / total * $1.1.sum }
            // The row's sum is computed from the output, which is rounded once.
            let rowError = (overWidth + rounding) * inner(g, i, o, i).magnitude
            for j in 0..<keys {
                let weight = powers[j] / total
                // An absolute error of a score or of the logarithm is a relative error of the weight; the
                // power itself is within 1e-7.
                let relative =
                    overWidth * scale * products[j].magnitude
                    + 2 * rounding * abs(scale * highest + log(total)) + 1e-7
                let slope = scale * weight * (gradients[j].sum - row)
                let slopeError =
                    abs(slope) * (relative + 4 * rounding)
                    + scale * weight * (overWidth * gradients[j].magnitude + rowError)
                for c in 0..<width {
                    add(slope, slopeError, times: k[j * width + c], overKeys, to: 0, i, c)
                    add(slope, slopeError, times: q[i * width + c], overQueries, to: 1, j, c)
                    add(
                        weight, weight * relative, times: g[i * width + c], overQueries, to: 2, j,
                        c)
                }
            }
        }
    }

    private func inner(
        _ a: [Double], _ i: Int, _ b: [Double], _ j: Int
    ) -> (sum: Double, magnitude: Double) {
        var result = (sum: 0.0, magnitude: 0.0)
        for c in 0..<width {
            let product = a[i * width + c] * b[j * width + c]
            result.sum += product
            result.magnitude += abs(product)
        }
        return result
    }

    private mutating func add(
        _ left: Double, _ leftError: Double, times right: Double, _ relative: Double,
        to result: Int, _ row: Int, _ column: Int
    ) {
        expected[result][row * width + column] += left * right
        allowed[result][row * width + column] +=
            leftError * abs(right) + relative * abs(left * right)
    }

    /// The largest error of each result, as a multiple of the tolerance.
    func excess(of results: [GuardedMatrix]) -> [Double] {
        zip(results, zip(expected, allowed)).map { result, reference in
            zip(result.elements, zip(reference.0, reference.1)).map { found, element in
                let error = abs(Double(found) - element.0)
                return error.isNaN ? .infinity : error / (element.1 + 1e-30)
            }.max() ?? 0
        }
    }
}

extension GuardedMatrix {
    fileprivate var doubles: [Double] { elements.map(Double.init) }
}
