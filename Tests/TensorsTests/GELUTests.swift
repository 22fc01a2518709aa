import CKernels
import Foundation
import Tensors
import Testing

@Suite struct GELUTests {
    private func gelu(_ values: [Float], _ set: KernelSet) -> [Float] {
        var result = values
        set.kernels.gelu(1, values.count, values, values.count, &result, values.count)
        return result
    }

    /// GELU is x Phi(x), here by the C library's `erfc`.
    @Test(arguments: KernelSet.all)
    func geluMatchesFormula(set: KernelSet) {
        let inputs = (0...240_000).map { Float($0) / 10_000 - 12 } + [1e4, -1e4, 0, -0.0, 1e-20]
        for (x, y) in zip(inputs, gelu(inputs, set)) {
            let expected = exactGELU(Double(x))
            // The accuracy that the kernel's comment states, and the rounding of results above 1.
            let tolerance = 1e-7 + 2 * rounding * abs(expected)
            #expect(abs(Double(y) - expected) <= tolerance, "\(x): \(y), expected \(expected)")
        }
    }

    @Test(arguments: KernelSet.all)
    func infinitiesGiveLimitsAndNaNStays(set: KernelSet) {
        let results = gelu([.infinity, -.infinity, .nan, -.nan], set)
        #expect(results[0] == .infinity)
        #expect(abs(results[1]) <= 1e-7)
        #expect(results[2].isNaN && results[3].isNaN)
    }
}
