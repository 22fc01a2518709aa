package import CKernels
import Synchronization

/// The vector kernels of one instruction set.
package typealias Kernels = ck_kernels

extension Kernels {
    /// The kernels in use: those of the best instruction set that this processor has.
    package static let best = available[bestIndex.load(ordering: .relaxed)]

    /// Which of the available sets is the best. A test may name another, before anything is computed.
    package static let bestIndex = Atomic(0)

    /// The kernels of every instruction set that this processor has, the best first.
    package static var available: [Kernels] {
        (0...).lazy.map { ck_set(Int32($0)) }.prefix { $0 != nil }.compactMap { $0?.pointee }
    }
}

/// Scratch memory for one task of a kernel, from the pool.
package struct Scratch: ~Copyable {
    private let storage: Storage

    package init(count: Int) {
        storage = Storage(count: count)
    }

    package var base: UnsafeMutablePointer<Float> { storage.base }
}
