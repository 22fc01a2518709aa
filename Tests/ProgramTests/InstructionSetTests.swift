import Foundation
import Tensors
import Testing

@Suite struct InstructionSetTests {
    let folder = TemporaryFolder()

    @Test func featuresOfEachInstructionSetAgree() throws {
        var results: [[Float]] = []
        for set in InstructionSet.allCases {
            let outcome = try Program.run(
                ["extract", Fixtures.first, "--instruction-set", set.rawValue] + Fixtures.network
                    + ["--output", folder[set.rawValue]])
            guard InstructionSet.supported.contains(set) else {
                #expect(outcome.status == 64)
                #expect(
                    outcome.errors.contains(
                        "--instruction-set \(set.rawValue): this processor supports"))
                #expect(folder.names(in: set.rawValue).isEmpty)
                continue
            }
            #expect(outcome.status == 0)
            results.append(try Array32(folder["\(set.rawValue)/first.npy"]).values)
        }
        let expected = try #require(results.last)
        for values in results.dropLast() {
            // Sums in another order, through a small network.
            let errors = zip(values, expected).map { abs($0 - $1) }
            let largest = expected.map(abs).max() ?? 0
            #expect((errors.max() ?? .nan) <= 1e-4 * largest)
            // The baseline has no fused multiply-adds on a processor that has other sets.
            #expect(values != expected)
        }
        let unknown = try Program.run(
            ["extract", Fixtures.first, "--instruction-set", "avx1024"] + Fixtures.network)
        #expect(unknown.status == 64)
    }
}
