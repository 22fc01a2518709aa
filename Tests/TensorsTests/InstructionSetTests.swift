import CKernels
import Tensors
import Testing

/// The choice of the kernels.
@Suite struct InstructionSetTests {
    /// One family of AMD's processors was measured to gain; every other processor takes the plain form.
    @Test(arguments: [
        ("AuthenticAMD", 25, true), ("AuthenticAMD", 26, false), ("AuthenticAMD", 23, false),
        ("AuthenticAMD", 27, false), ("GenuineIntel", 25, false), ("GenuineIntel", 6, false),
        ("HygonGenuine", 25, false), ("", 0, false),
    ])
    func pairedFormIsForKnownProcessors(vendor: String, family: Int32, isPaired: Bool) {
        #expect(ck_prefers_paired(vendor, family) == isPaired)
    }

    @Test func everySupportedSetIsListedOnceAndBaselineIsLast() {
        let sets = InstructionSet.supported
        #expect(Set(sets).count == sets.count)
        #expect(sets.last == .baseline)
        #expect(sets.first != .avx2Paired)
        #expect(InstructionSet.current == sets.first)
        #if arch(x86_64)
            #expect(sets.contains(.avx2) == sets.contains(.avx2Paired))
            #expect(sets.contains(.avx512) == sets.contains(.avx512Paired))
        #else
            #expect(sets == [.baseline])
        #endif
    }

    #if compiler(>=6.3)
        @Test(arguments: InstructionSet.allCases.map(\.rawValue))
        func chosenSetComputesOrIsRefused(name: String) async throws {
            let set = try #require(InstructionSet(rawValue: name))
            if InstructionSet.supported.contains(set) {
                await #expect(processExitsWith: .success) { [name] in
                    let set = try #require(InstructionSet(rawValue: name))
                    InstructionSet.use(set)
                    #expect(InstructionSet.current == set)
                    #expect(String(cString: Kernels.best.name) == name)
                }
            } else {
                await #expect(processExitsWith: .failure) { [name] in
                    InstructionSet.use(try #require(InstructionSet(rawValue: name)))
                }
            }
        }

        @Test func choiceAfterTheFirstComputationIsRefused() async {
            guard InstructionSet.supported.count > 1 else { return }
            await #expect(processExitsWith: .failure) {
                _ = Tensor(repeating: 1, shape: [4, 4]).gelu()
                InstructionSet.use(.baseline)
            }
        }
    #endif
}
