import CKernels
import Tensors
import Testing

/// The choice of the kernels.
@Suite struct InstructionSetTests {
    /// Two families of AMD's processors were measured to gain; every other processor takes the plain form.
    @Test(arguments: [
        ("AuthenticAMD", 25, CK_PAIRED), ("AuthenticAMD", 26, CK_PAIRED_WIDE),
        ("AuthenticAMD", 23, CK_PLAIN),
        ("AuthenticAMD", 27, CK_PLAIN), ("GenuineIntel", 25, CK_PLAIN),
        ("GenuineIntel", 26, CK_PLAIN),
        ("GenuineIntel", 6, CK_PLAIN), ("HygonGenuine", 25, CK_PLAIN), ("", 0, CK_PLAIN),
    ])
    func pairedFormIsForKnownProcessors(vendor: String, family: Int32, form: ck_product_form) {
        #expect(ck_preferred_form(vendor, family) == form)
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
            #expect(sets.contains(.avx512) == sets.contains(.avx512PairedWide))
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
