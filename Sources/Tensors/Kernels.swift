package import CKernels
import Synchronization

/// The vector kernels of one instruction set.
package typealias Kernels = ck_kernels

extension Kernels {
    /// The kernels in use: those of the best instruction set that this processor supports, or of the one that
    /// `InstructionSet.use` chose.
    package static let best = available[bestIndex.load(ordering: .relaxed)]

    /// Index of the kernels in use among those available. A test may set it, before anything is computed.
    package static let bestIndex = Atomic(0)

    /// The kernels of every instruction set that this processor supports, best first.
    package static var available: [Kernels] {
        (0...).lazy.map { ck_set(Int32($0)) }.prefix { $0 != nil }.compactMap { $0?.pointee }
    }
}
