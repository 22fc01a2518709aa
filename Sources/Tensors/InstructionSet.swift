import Platform
import Synchronization

/// An instruction set that the vector kernels are compiled for.
///
/// The kernels of the best one that the processor supports are used, unless ``use(_:)`` chooses another, for
/// comparisons or to measure the kernels of other processors. Results differ by rounding.
public enum InstructionSet: String, CaseIterable, Sendable {
    /// AVX-512 with products on AMX, in three bytes of each float. Errors are relative to the largest element of a row or
    /// column: for most factors they are below those of plain products, with large outliers above them.
    case amx
    /// AVX-512 with products that add and multiply in parallel, for processors with units that only add.
    case avx512Paired = "avx512-paired"
    /// The same with tiles that load less, for processors that load no more vectors in a cycle than they multiply.
    case avx512PairedWide = "avx512-paired-wide"
    /// AVX-512 with plain products.
    case avx512
    /// AVX2 with fused multiply-adds.
    case avx2
    /// AVX2 with the paired products; never the default.
    case avx2Paired = "avx2-paired"
    /// The instructions that every processor of the architecture has: SSE2 on x86-64, NEON on 64-bit ARM.
    case baseline

    /// The instruction sets that this processor supports, the default first.
    public static let supported = Kernels.available.map(\.instructionSet)

    /// The supported ones in one line, for a message.
    public static var supportedNames: String {
        supported.map(\.rawValue).joined(separator: ", ")
    }

    /// The instruction set in use. Reading it fixes the choice.
    public static var current: InstructionSet { Kernels.best.instructionSet }

    /// Chooses the kernels that all operations on tensors use from now on. Operations on pictures are not affected:
    /// their results are bit-identical with every instruction set.
    ///
    /// - Parameter set: the instruction set.
    /// - Precondition: `set` is among ``supported``, and nothing has been computed yet with another one.
    public static func use(_ set: InstructionSet) {
        guard let index = supported.firstIndex(of: set) else {
            fail(
                "InstructionSet.use: this processor lacks \(set.rawValue); it has \(supportedNames)"
            )
        }
        Kernels.bestIndex.store(index, ordering: .relaxed)
        require(
            current == set,
            "InstructionSet.use: \(set.rawValue) was requested, but \(current.rawValue) is already in use"
        )
    }
}

extension Kernels {
    fileprivate var instructionSet: InstructionSet {
        guard let set = InstructionSet(rawValue: String(cString: name)) else {
            fail("InstructionSet: the kernels \(String(cString: name)) have no instruction set")
        }
        return set
    }
}
