package import CKernels

/// The integer kernels of one instruction set.
package typealias IntegerKernels = ck_integer_kernels

extension IntegerKernels {
    /// Those of the best instruction set that this processor supports.
    package static let best = available[0]

    /// Those of every instruction set that this processor supports, best first. Their results are the same bits.
    package static var available: [IntegerKernels] {
        (0...).lazy.map { ck_integer_set(Int32($0)) }.prefix { $0 != nil }.compactMap {
            $0?.pointee
        }
    }

    /// Whether left factors of this many bits are stored as bytes, and packed right factors by fours.
    func multipliesBytes(bits: Int) -> Bool { bits == 8 && byte_group == 4 }
}
