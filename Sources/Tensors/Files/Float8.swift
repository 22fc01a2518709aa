/// Tables of the exact values of 8-bit floats by their bits, under PyTorch's names.
///
/// - Source: Micikevicius et al. 2022, "FP8 formats for deep learning" (e4m3fn, e5m2); Noune et al.
///   2022, "8-bit numerical formats for deep neural networks" (fnuz: one zero, one not-a-number, no
///   infinity); OCP Microscaling Formats 1.0 (e8m0fnu: powers of two).
enum Float8 {
    static let e4m3fn = table { $0 & 0x7f == 0x7f ? .nan : value($0, mantissaBits: 3, bias: 7) }
    static let e4m3fnuz = table { $0 == 0x80 ? .nan : value($0, mantissaBits: 3, bias: 8) }
    /// e5m2 is the upper half of a binary16.
    static let e5m2 = table { Float(halfBits: UInt16($0) << 8) }
    static let e5m2fnuz = table { $0 == 0x80 ? .nan : value($0, mantissaBits: 2, bias: 16) }
    static let e8m0fnu = table {
        $0 == 0xff ? .nan : Float(sign: .plus, exponent: Int($0) - 127, significand: 1)
    }

    private static func table(_ value: (UInt8) -> Float) -> [Float] {
        (UInt8.min...UInt8.max).map(value)
    }

    /// Decodes sign, exponent and mantissa; subnormal where the exponent is 0.
    private static func value(_ bits: UInt8, mantissaBits: Int, bias: Int) -> Float {
        let exponent = Int(bits & 0x7f) >> mantissaBits
        let mantissa = Int(bits) & ((1 << mantissaBits) - 1)
        let leading = exponent == 0 ? 0 : 1 << mantissaBits
        return Float(
            sign: bits & 0x80 == 0 ? .plus : .minus,
            exponent: max(exponent, 1) - bias - mantissaBits,
            significand: Float(leading + mantissa))
    }
}
