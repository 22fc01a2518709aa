import CKernels
import Foundation
import Tensors
import Testing

/// The kernels of gradients, losses and optimisers against their formulas in double precision, for every
/// instruction set.
@Suite struct GradientKernelTests {
    private static let counts = [1, 3, 4, 7, 8, 15, 16, 17, 31, 63, 64, 65, 384, 1000, 4099]

    /// A row in guarded memory.
    private func row(_ count: Int, _ fill: () -> Float) -> GuardedMatrix {
        GuardedMatrix(rows: 1, columns: count, fill: fill)
    }

    @Test(arguments: KernelSet.all)
    func geluGradientMatchesFormula(set: KernelSet) {
        let inputs = (0...24_000).map { Float($0) / 1000 - 12 } + [1e4, -1e4, 0, -0.0, 1e-20]
        var gradient = [Float](repeating: 2, count: inputs.count)
        set.kernels.gelu_gradient(inputs.count, inputs, &gradient)
        for (x, y) in zip(inputs, gradient) {
            let expected = exactGELUSlope(Double(x))
            // Phi is within 5e-8; phi, a power of two, within a relative 1e-7 and the rounding of its
            // exponent, which reaches 18 only where x phi is below 1e-6.
            #expect(abs(Double(y) / 2 - expected) <= 3e-7, "\(x): \(y / 2), expected \(expected)")
        }
        var special: [Float] = [1, 1, 1]
        set.kernels.gelu_gradient(3, [.infinity, -.infinity, .nan], &special)
        #expect(special[2].isNaN)
        for count in Self.counts {
            var noise = Noise(seed: UInt64(count))
            let x = row(count) { noise.next() }
            let g = row(count) { 1 }
            set.kernels.gelu_gradient(count, x.base, g.base)
            #expect(g.isWrittenExactly)
        }
    }

    @Test(arguments: KernelSet.all)
    func transposeExchangesRowsAndColumns(set: KernelSet) {
        for rows in [1, 3, 16, 17, 40] {
            for columns in [1, 5, 16, 31, 48] {
                var noise = Noise(seed: 1)
                let source = GuardedMatrix(rows: rows, columns: columns) { noise.next() }
                let target = GuardedMatrix(rows: columns, columns: rows)
                set.kernels.transpose(
                    rows, columns, source.base, source.rowStride, target.base, target.rowStride)
                #expect(target.isWrittenExactly)
                for r in 0..<rows {
                    for c in 0..<columns { #expect(target[c, r] == source[r, c]) }
                }
            }
        }
    }

    @Test(arguments: KernelSet.all)
    func columnSumsAreAddedToTheTarget(set: KernelSet) {
        for rows in [1, 3, 4, 9] {
            for columns in Self.counts {
                var noise = Noise(seed: 2)
                let x = GuardedMatrix(rows: rows, columns: columns) { noise.next() }
                let sums = row(columns) { 1 }
                set.kernels.column_sums(rows, columns, x.base, x.rowStride, sums.base)
                #expect(sums.isWrittenExactly)
                for c in 0..<columns {
                    let expected = (0..<rows).reduce(1.0) { $0 + Double(x[$1, c]) }
                    #expect(abs(Double(sums[0, c]) - expected) <= 100 * rounding)
                }
            }
        }
    }

    @Test(arguments: KernelSet.all, [false, true])
    func layerNormGradientMatchesFormula(set: KernelSet, accumulates: Bool) {
        for width in Self.counts.dropFirst() {
            var noise = Noise(seed: UInt64(width))
            func matrix(_ rows: Int) -> GuardedFloats {
                let floats = GuardedFloats(count: rows * width)
                for i in 0..<rows * width { floats[i] = noise.next() }
                return floats
            }
            let (x, dy, weight, dweight, dbias) = (
                matrix(2), matrix(2), matrix(1), matrix(1), matrix(1)
            )
            let dx = accumulates ? matrix(2) : GuardedFloats(count: 2 * width)
            let before = (0..<2 * width).map { accumulates ? Double(dx[$0]) : 0 }
            var expectedWeight = (0..<width).map { Double(dweight[$0]) }
            var expectedBias = (0..<width).map { Double(dbias[$0]) }
            set.kernels.layer_norm_gradient(
                2, width, x.base, dy.base, weight.base, 1e-6, dx.base, accumulates, dweight.base,
                dbias.base)
            for r in 0..<2 {
                let row = (0..<width).map { Double(x[r * width + $0]) }
                let mean = row.reduce(0, +) / Double(width)
                let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
                let scale = 1 / (variance + 1e-6).squareRoot()
                let n = row.map { ($0 - mean) * scale }
                let g = (0..<width).map { Double(dy[r * width + $0] * weight[$0]) }
                let meanG = g.reduce(0, +) / Double(width)
                let meanGN = zip(g, n).reduce(0) { $0 + $1.0 * $1.1 } / Double(width)
                for i in 0..<width {
                    expectedWeight[i] += Double(dy[r * width + i]) * n[i]
                    expectedBias[i] += Double(dy[r * width + i])
                    let expected = before[r * width + i] + scale * (g[i] - meanG - n[i] * meanGN)
                    // Some roundings of terms up to 2, times the scale.
                    #expect(
                        abs(Double(dx[r * width + i]) - expected) <= 60 * rounding * (1 + scale),
                        "width \(width), \(i): \(dx[r * width + i]), expected \(expected)")
                }
            }
            for i in 0..<width {
                #expect(abs(Double(dweight[i]) - expectedWeight[i]) <= 60 * rounding)
                #expect(abs(Double(dbias[i]) - expectedBias[i]) <= 10 * rounding)
            }
        }
    }

    @Test(arguments: KernelSet.all)
    func softmaxAndCrossEntropyMatchFormulas(set: KernelSet) {
        for count in Self.counts {
            var noise = Noise(seed: UInt64(count))
            let x = row(count) { 3 * noise.next() }
            let centre = row(count) { noise.next() }
            let weights = row(count) { noise.next() + 1 }
            let y = row(count) { 0 }
            let scale: Float = 5
            func exact(_ shift: GuardedMatrix?) -> [Double] {
                let scores = (0..<count).map {
                    Double(scale) * (Double(x[0, $0]) - Double(shift?[0, $0] ?? 0))
                }
                let top = scores.max() ?? 0
                let powers = scores.map { exp($0 - top) }
                let total = powers.reduce(0, +)
                return powers.map { $0 / total }
            }
            for shift in [nil, centre] {
                set.kernels.softmax(count, x.base, shift?.base, scale, y.base)
                #expect(y.isWrittenExactly)
                for (i, expected) in exact(shift).enumerated() {
                    // Scores lie up to 40 below the highest, in base 2 up to 58: half a unit in the
                    // last place is 2e-6.
                    #expect(abs(Double(y[0, i]) - expected) <= 1e-5 * expected + 1e-12)
                }
            }

            let softmax = exact(nil)
            var sums: [Float] = [0, 0, 0]
            let dot = set.kernels.cross_entropy(count, x.base, weights.base, scale, &sums)
            let loss = Double(sums[2]) * log(Double(sums[1])) - dot
            let total = (0..<count).reduce(0.0) { $0 + Double(weights[0, $1]) }
            let expected = -(0..<count).reduce(0.0) {
                $0 + Double(weights[0, $1]) * log(softmax[$1])
            }
            #expect(abs(loss - expected) <= 1e-5 * (expected + total))
            for start: Float in [0, 2] {
                let gradient = start == 0 ? row(count) { .nan } : row(count) { start }
                set.kernels.cross_entropy_gradient(
                    count, x.base, weights.base, scale, sums, 0.5, gradient.base, start != 0)
                #expect(gradient.isWrittenExactly)
                for i in 0..<count {
                    let expected =
                        0.5 * (total * softmax[i] - Double(weights[0, i])) + Double(start)
                    #expect(
                        abs(Double(gradient[0, i]) - expected)
                            <= 1e-5 * (total * softmax[i]) + 10 * rounding)
                }
            }
        }
        var y: [Float] = [0, 0]
        set.kernels.softmax(2, [1, .nan], nil, 1, &y)
        #expect(y[0].isNaN && y[1].isNaN)
    }

    @Test(arguments: KernelSet.all)
    func innerProductMatchesSum(set: KernelSet) {
        for count in [0] + Self.counts {
            var noise = Noise(seed: UInt64(count))
            let a = row(count) { noise.next() }
            let b = row(count) { noise.next() }
            let expected = (0..<count).reduce(0.0) { $0 + Double(a[0, $1]) * Double(b[0, $1]) }
            #expect(
                abs(set.kernels.dot(count, a.base, b.base) - expected)
                    <= rounding * Double(count).squareRoot() * 4)
        }
    }

    @Test(arguments: KernelSet.all)
    func adamWStepMatchesFormula(set: KernelSet) {
        for count in Self.counts {
            var noise = Noise(seed: UInt64(count))
            let p = row(count) { noise.next() }
            let g = row(count) { noise.next() }
            let m = row(count) { noise.next() }
            let v = row(count) { noise.next() + 1 }
            let (p0, m0, v0) = (p.elements, m.elements, v.elements)
            let step = ck_adamw(
                keep: 0.99, first_share: 0.1, second_keep: 0.999, second_share: 0.001, rate: 0.01,
                deviation_scale: 1.5, epsilon: 1e-8)
            set.kernels.adamw(count, p.base, g.base, m.base, v.base, step)
            #expect(p.isWrittenExactly && m.isWrittenExactly && v.isWrittenExactly)
            for i in 0..<count {
                let gradient = Double(g[0, i])
                let first = Double(m0[i]) + (gradient - Double(m0[i])) * 0.1
                let second = Double(v0[i]) * 0.999 + gradient * gradient * 0.001
                let parameter =
                    Double(p0[i]) * 0.99 - 0.01 * first / (second.squareRoot() * 1.5 + 1e-8)
                #expect(abs(Double(m[0, i]) - first) <= 6 * rounding)
                #expect(abs(Double(v[0, i]) - second) <= 6 * rounding)
                // The step is small except where v is small.
                #expect(
                    abs(Double(p[0, i]) - parameter) <= 6 * rounding + 1e-6 * 0.01
                        / second.squareRoot())
            }
        }
    }
}
