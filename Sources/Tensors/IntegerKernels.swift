package import CKernels

/// The integer kernels of one instruction set.
package typealias IntegerKernels = ck_integer_kernels

extension IntegerKernels {
    /// The kernels in use: the best that do not exceed the instruction set of the float kernels in use.
    package static let best: IntegerKernels = {
        let widest =
            switch InstructionSet.current {
            case .amx, .avx512Paired, .avx512PairedWide, .avx512: 512
            case .avx2, .avx2Paired: 256
            case .baseline: 128
            }
        let mayUseTiles = InstructionSet.current == .amx
        return available.first { $0.vector_bits <= widest && (mayUseTiles || !$0.has_tiles) }
            ?? available[0]
    }()

    /// The kernels of every instruction set that this processor supports, best first. Their results are bit-identical.
    package static var available: [IntegerKernels] {
        (0...).lazy.map { ck_integer_set(Int32($0)) }.prefix { $0 != nil }.compactMap {
            $0?.pointee
        }
    }

    /// Whether left factors of this many bits are stored as bytes, and packed right factors by fours.
    func multipliesBytes(bits: Int) -> Bool { bits == 8 && byte_group == 4 }

    /// Whether attention is faster with the kernels in use than in floats.
    static let areFasterInAttention: Bool = withUnsafePointer(to: best) {
        ck_prefers_integer_attention($0)
    }
}
