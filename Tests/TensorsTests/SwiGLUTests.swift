import CKernels
import Foundation
import Tensors
import Testing

/// The kernels of SwiGLU against their formulas in double precision, for every instruction set.
@Suite struct SwiGLUTests {
    /// 1 / (1 + e^-a), accurate for either sign.
    private static func sigmoid(_ a: Double) -> Double {
        a > 0 ? 1 / (1 + exp(-a)) : exp(a) / (1 + exp(a))
    }

    /// Gates from -120 to 120, denser around zero, and some that are too large for any exponential.
    private static let gates: [Float] = {
        let even = (-120_000...120_000).map { Float($0) / 1000 }
        let dense = (-4000...4000).map { Float($0) / 3e5 }
        let special: [Float] = [0, -0.0, 1e-30, -1e-30, 128, -128, 1e4, -1e4, 3e38, -3e38]
        return even + dense + special
    }()

    private func swiGLU(_ rows: [(gate: Float, value: Float)], _ set: KernelSet) -> [Float] {
        var result = [Float](repeating: .nan, count: rows.count)
        set.kernels.swiglu(1, rows.count, rows.map(\.gate) + rows.map(\.value), &result)
        return result
    }

    /// SwiGLU is silu(a) b.
    @Test(arguments: KernelSet.all)
    func valueMatchesFormula(set: KernelSet) {
        for value: Float in [1, -0.7, 1e20] {
            for (a, y) in zip(Self.gates, swiGLU(Self.gates.map { ($0, value) }, set)) {
                let silu = Double(a) * Self.sigmoid(Double(a))
                let expected = silu * Double(value)
                guard abs(expected) <= Double(Float.greatestFiniteMagnitude) else {
                    #expect(y.isInfinite)
                    continue
                }
                // The exponential is within 1e-7; four roundings follow, at their worst; and where silu is
                // subnormal, its last place.
                let tolerance =
                    (1e-7 + 4 * rounding) * abs(expected) + 0x1p-149 * (1 + abs(Double(value)))
                #expect(abs(Double(y) - expected) <= tolerance, "\(a): \(y), expected \(expected)")
            }
        }
    }

    @Test(arguments: KernelSet.all, [false, true])
    func gradientMatchesFormula(set: KernelSet, accumulates: Bool) {
        let count = Self.gates.count
        let values = Self.gates.indices.map { Float($0 % 7) / 3 - 1 }
        let gradients = Self.gates.indices.map { Float($0 % 5) / 2 - 1 }
        var result = [Float](repeating: accumulates ? 1 : .nan, count: 2 * count)
        set.kernels.swiglu_gradient(1, count, Self.gates + values, gradients, &result, accumulates)
        for i in 0..<count {
            let (a, b, dy) = (Double(Self.gates[i]), Double(values[i]), Double(gradients[i]))
            let s = Self.sigmoid(a)
            let start = accumulates ? 1.0 : 0
            let slope = s + a * s * Self.sigmoid(-a)
            // Two terms of up to 1, and the start value.
            #expect(
                abs(Double(result[i]) - (start + dy * b * slope)) <= 4e-7 * (abs(dy * b) + start),
                "\(a): \(result[i]), expected \(start + dy * b * slope)")
            let silu = a * s
            #expect(
                abs(Double(result[count + i]) - (start + dy * silu))
                    <= 4e-7 * (abs(dy * silu) + start) + 0x1p-148,
                "\(a): \(result[count + i]), expected \(start + dy * silu)")
        }
    }

    @Test(arguments: KernelSet.all)
    func nanSpreadsAndInfinitiesGiveLimits(set: KernelSet) {
        let results = swiGLU(
            [(.nan, 1), (-.nan, 1), (1, .nan), (.infinity, 2), (-.infinity, 1)], set)
        #expect(results[..<3].allSatisfy { $0.isNaN })
        #expect(results[3] == .infinity && results[4] == 0)
        var gradient = [Float](repeating: 0, count: 4)
        set.kernels.swiglu_gradient(1, 2, [.nan, 1, 1, .nan], [1, 1], &gradient, false)
        #expect(gradient[0].isNaN && gradient[2].isNaN && gradient[1].isNaN)
    }

    @Test(arguments: KernelSet.all)
    func rowsOfEveryWidthAreReadAndWrittenExactly(set: KernelSet) {
        for width in [1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 64, 100] {
            var noise = Noise(seed: UInt64(width))
            func rows(_ columns: Int, filled: Bool) -> GuardedFloats {
                let floats = GuardedFloats(count: 3 * columns)
                if filled { for i in 0..<floats.count { floats[i] = 3 * noise.next() } }
                return floats
            }
            let x = rows(2 * width, filled: true)
            let y = rows(width, filled: false)
            let dy = rows(width, filled: true)
            let dx = rows(2 * width, filled: false)
            set.kernels.swiglu(3, width, x.base, y.base)
            set.kernels.swiglu_gradient(3, width, x.base, dy.base, dx.base, false)
            #expect(y.untouched == y.size - y.count && dx.untouched == dx.size - dx.count)
            for r in 0..<3 {
                for i in 0..<width {
                    let (a, b) = (x[2 * r * width + i], x[(2 * r + 1) * width + i])
                    let silu = Double(a) * Self.sigmoid(Double(a))
                    #expect(abs(Double(y[r * width + i]) - silu * Double(b)) <= 1e-5)
                    #expect(
                        abs(Double(dx[(2 * r + 1) * width + i]) - silu * Double(dy[r * width + i]))
                            <= 1e-5)
                }
            }
        }
    }
}
