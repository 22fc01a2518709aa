import Tensors
import Testing

@Suite struct HalfPrecisionTests {
    /// The definition of IEEE 754 binary16, in double precision.
    private func value(half bits: UInt16) -> Double {
        let exponent = Int(bits >> 10 & 31)
        let fraction = Double(bits & 1023)
        let magnitude =
            switch exponent {
            case 0: fraction * 0x1p-24
            case 31: fraction == 0 ? Double.infinity : .nan
            default:
                (1024 + fraction) * Double(sign: .plus, exponent: exponent - 25, significand: 1)
            }
        return bits & 0x8000 == 0 ? magnitude : -magnitude
    }

    @Test func everyHalfConvertsExactly() {
        for bits in UInt16.min...UInt16.max {
            let expected = value(half: bits)
            let found = Float(halfBits: bits)
            if expected.isNaN {
                #expect(found.isNaN)
                #expect(found.halfBits & 0x7fff == 0x7e00)
            } else {
                #expect(Double(found) == expected && (found.sign == .minus) == (bits >= 0x8000))
                #expect(found.halfBits == bits)
            }
        }
    }

    @Test func roundsToNearestHalfAndTiesToEven() {
        for bits: UInt16 in 0..<0x7bff {
            let low = Float(halfBits: bits)
            let high = Float(halfBits: bits + 1)
            let middle = (low + high) / 2
            #expect(middle.halfBits == (bits % 2 == 0 ? bits : bits + 1))
            #expect(middle.nextDown.halfBits == bits)
            #expect(middle.nextUp.halfBits == bits + 1)
            #expect((-middle.nextUp).halfBits == (bits + 1) | 0x8000)
        }
    }

    /// Bits from numpy (float16) and PyTorch (bfloat16).
    @Test func roundingMatchesNumPyAndPyTorch() {
        let values: [Float] = [
            0.1, 1 / 3, 65519.996, 65520, 1e-8, 2.9802322387695312e-08, 2.98023259404e-08, 6.1e-5,
            2049, 2051, -1e30, 3.3895314e38, 3.4e38,
        ]
        #expect(
            values.map(\.halfBits) == [
                0x2e66, 0x3555, 0x7bff, 0x7c00, 0, 0, 1, 0x3ff, 0x6800, 0x6802, 0xfc00, 0x7c00,
                0x7c00,
            ])
        #expect(
            values.map(\.bfloat16Bits) == [
                0x3dcd, 0x3eab, 0x4780, 0x4780, 0x322c, 0x3300, 0x3300, 0x3880, 0x4500, 0x4500,
                0xf14a,
                0x7f7f, 0x7f80,
            ])
        #expect(Float.nan.bfloat16Bits & 0x7fff > 0x7f80)
        #expect(Float(bitPattern: 0x7f80_0001).bfloat16Bits & 0x7fff > 0x7f80)
    }

    @Test func everyBFloat16IsTheUpperHalfOfAFloat() {
        for bits in UInt16.min...UInt16.max {
            let found = Float(bfloat16Bits: bits)
            #expect(found.bitPattern == UInt32(bits) << 16)
            if !found.isNaN { #expect(found.bfloat16Bits == bits) }
        }
    }
}
