/// Conversions from and to the bits of half precisions. `Float16` is not used because macOS on Intel lacks it.
extension Float {
    /// The value of an IEEE 754 binary16, exactly.
    @inline(__always)
    package init(halfBits: UInt16) {
        let magnitude = UInt32(halfBits & 0x7fff)
        // Moved into a float's fields, the value is too small by a factor of 2^(127 - 15), the difference of the
        // exponent biases; one multiplication corrects normal and subnormal numbers alike.
        var value = Float(bitPattern: magnitude << 13) * 0x1p112
        if magnitude >= 0x7c00 { value = Float(bitPattern: magnitude << 13 | 0x7f80_0000) }
        self.init(bitPattern: value.bitPattern | UInt32(halfBits & 0x8000) << 16)
    }

    /// The value of a bfloat16, exactly: it is the upper half of a float.
    @inline(__always)
    package init(bfloat16Bits: UInt16) {
        self.init(bitPattern: UInt32(bfloat16Bits) << 16)
    }

    /// The bits of the nearest IEEE 754 binary16, ties to even; values beyond its range become infinite.
    package var halfBits: UInt16 {
        let sign = UInt16(truncatingIfNeeded: bitPattern >> 16) & 0x8000
        let magnitude = bitPattern & 0x7fff_ffff
        if magnitude > 0x7f80_0000 { return sign | 0x7e00 }
        // 65520 is half-way between the largest half and the next power of two.
        if magnitude >= 0x477f_f000 { return sign | 0x7c00 }
        if magnitude < 0x3880_0000 {
            // Subnormal: after adding 1/2 the low bits hold the value in units of 2^-24, rounded.
            let shifted = Float(bitPattern: magnitude) + 0.5
            return sign | UInt16(truncatingIfNeeded: shifted.bitPattern - 0x3f00_0000)
        }
        let rounded = magnitude + 0xfff + (magnitude >> 13 & 1)
        return sign | UInt16(truncatingIfNeeded: (rounded - 0x3800_0000) >> 13)
    }

    /// The bits of the nearest bfloat16, ties to even.
    package var bfloat16Bits: UInt16 {
        if isNaN { return UInt16(truncatingIfNeeded: bitPattern >> 16) | 0x40 }
        return UInt16(truncatingIfNeeded: (bitPattern + 0x7fff + (bitPattern >> 16 & 1)) >> 16)
    }
}
