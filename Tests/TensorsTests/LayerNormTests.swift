import CKernels
import Foundation
import Tensors
import Testing

@Suite struct LayerNormTests {
    @Test(arguments: KernelSet.all)
    func layerNormMatchesFormula(set: KernelSet) {
        for width in [1, 2, 7, 8, 15, 16, 17, 31, 63, 384, 1000] {
            for mean: Float in [0, 3, 1000] {
                check(set, width: width, mean: mean)
            }
        }
    }

    private func check(_ set: KernelSet, width: Int, mean: Float) {
        var noise = Noise(seed: UInt64(width))
        let x = GuardedMatrix(rows: 3, columns: width) { mean + noise.next() }
        let weight = GuardedMatrix(rows: 1, columns: width) { noise.next() }
        let bias = GuardedMatrix(rows: 1, columns: width) { noise.next() }
        let y = GuardedMatrix(rows: 3, columns: width)
        let epsilon: Float = 1e-6
        set.kernels.layer_norm(
            3, width, x.base, x.rowStride, weight.base, bias.base, epsilon, y.base, y.rowStride)
        #expect(y.isWrittenExactly)
        for r in 0..<3 {
            let row = (0..<width).map { Double(x[r, $0]) }
            let centre = row.reduce(0, +) / Double(width)
            let variance = row.reduce(0) { $0 + ($1 - centre) * ($1 - centre) } / Double(width)
            let scale = 1 / (variance + Double(epsilon)).squareRoot()
            // The mean is off by a few roundings of its own, which the scale then amplifies; in a row of
            // equal numbers nothing else is left.
            let meanError = 4 * rounding * Double(abs(mean) + 1)
            for j in 0..<width {
                let normal = (row[j] - centre) * scale
                let expected = normal * Double(weight[0, j]) + Double(bias[0, j])
                let tolerance =
                    abs(Double(weight[0, j])) * (meanError * scale + 8 * rounding * abs(normal))
                    + 2 * rounding * (abs(expected) + 1)
                #expect(
                    abs(Double(y[r, j]) - expected) <= tolerance,
                    "width \(width), mean \(mean), column \(j): \(y[r, j]), expected \(expected)")
            }
        }
    }

    @Test func tensorLayerNormCoversAllRows() {
        var noise = Noise(seed: 5)
        let x = noise.tensor([3, 50, 24])
        let weight = noise.tensor([24])
        let bias = noise.tensor([24])
        let results = withEachThreadCount { x.layerNorm(weight: weight, bias: bias, epsilon: 1e-6) }
        for row in [0, 63, 64, 149] {
            let alone = x.reshaped(to: [150, 24]).rows(row..<row + 1)
                .layerNorm(weight: weight, bias: bias, epsilon: 1e-6)
            for result in results {
                #expect(result.shape == x.shape)
                #expect(result.reshaped(to: [150, 24]).rows(row..<row + 1).isIdentical(to: alone))
            }
        }
    }
}
