import Platform
import Synchronization

/// An instruction set that the vector kernels are compiled for.
///
/// The kernels of the best one that the processor supports are used, unless ``use(_:)`` chooses another: to compare
/// them, or to measure on one processor what others would do. Results differ by rounding.
public enum InstructionSet: String, CaseIterable, Sendable {
    /// AVX-512 with products that add and multiply in parallel, for processors with units that only add.
    case avx512Paired = "avx512-paired"
    /// AVX-512 with plain products.
    case avx512
    /// AVX2 with fused multiply-adds.
    case avx2
    /// AVX2 with the paired products; never the default.
    case avx2Paired = "avx2-paired"
    /// What every processor of the architecture has: SSE2 on x86-64, NEON on 64-bit ARM.
    case baseline

    /// Those that this processor supports, the default first.
    public static let supported = Kernels.available.map(\.instructionSet)

    /// Those that this processor supports, in one line for a message.
    public static var supportedNames: String {
        supported.map(\.rawValue).joined(separator: ", ")
    }

    /// The instruction set in use. Asking for it fixes it.
    public static var current: InstructionSet { Kernels.best.instructionSet }

    /// Chooses the kernels that all operations on tensors use from now on. Those of pictures are not affected: their
    /// results are the same to the bit with every instruction set.
    ///
    /// - Parameter set: the instruction set.
    /// - Precondition: `set` is among those ``supported``, and nothing has been computed yet by another.
    public static func use(_ set: InstructionSet) {
        guard let index = supported.firstIndex(of: set) else {
            fail(
                "InstructionSet.use: this processor lacks \(set.rawValue); it has \(supportedNames)"
            )
        }
        Kernels.bestIndex.store(index, ordering: .relaxed)
        require(
            current == set,
            "InstructionSet.use: \(current.rawValue) is in use already, and \(set.rawValue) is wanted"
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
