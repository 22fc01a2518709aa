/// The type of a tensor's elements in a file; the raw values are PyTorch's names. In memory every element is a 32-bit
/// float.
public enum ElementType: String, Hashable, Sendable, Codable, CaseIterable {
    /// IEEE 754 binary64.
    case float64
    /// IEEE 754 binary32.
    case float32
    /// IEEE 754 binary16.
    case float16
    /// The upper half of a binary32.
    case bfloat16
    /// 4 exponent bits, 3 mantissa bits, no infinity.
    case float8E4M3FN = "float8_e4m3fn"
    /// 4 exponent bits, 3 mantissa bits, no infinity, one zero.
    case float8E4M3FNUZ = "float8_e4m3fnuz"
    /// 5 exponent bits, 2 mantissa bits.
    case float8E5M2 = "float8_e5m2"
    /// 5 exponent bits, 2 mantissa bits, no infinity, one zero.
    case float8E5M2FNUZ = "float8_e5m2fnuz"
    /// Powers of two: 8 exponent bits without sign or mantissa.
    case float8E8M0FNU = "float8_e8m0fnu"
    /// A signed integer of 64 bits.
    case int64
    /// A signed integer of 32 bits.
    case int32
    /// A signed integer of 16 bits.
    case int16
    /// A signed integer of 8 bits.
    case int8
    /// An unsigned integer of 64 bits.
    case uint64
    /// An unsigned integer of 32 bits.
    case uint32
    /// An unsigned integer of 16 bits.
    case uint16
    /// An unsigned integer of 8 bits.
    case uint8
    /// One byte, 0 for false; it reads as 0 or 1.
    case bool

    /// Size of one element in bytes.
    public var size: Int {
        switch self {
        case .float64, .int64, .uint64: 8
        case .float32, .int32, .uint32: 4
        case .float16, .bfloat16, .int16, .uint16: 2
        case .float8E4M3FN, .float8E4M3FNUZ, .float8E5M2, .float8E5M2FNUZ, .float8E8M0FNU: 1
        case .int8, .uint8, .bool: 1
        }
    }
}

extension ElementType {
    /// Whether elements are floating-point numbers.
    package var isFloat: Bool {
        switch self {
        case .int64, .int32, .int16, .int8, .uint64, .uint32, .uint16, .uint8, .bool: false
        default: true
        }
    }

    /// The end of error messages about other element types.
    static let expectation = "expected floats, integers or booleans"

    /// Converts `source`, which holds little-endian elements of this type, to floats.
    ///
    /// Floats of at most 32 bits and integers up to 2^24 keep their values; others are rounded to the nearest float.
    func convert(
        _ source: UnsafeRawBufferPointer, to target: UnsafeMutablePointer<Float>
    ) {
        let count = source.count / size
        switch self {
        case .float32:
            for i in 0..<count {
                target[i] = Float(bitPattern: UInt32(littleEndian: load(source, i)))
            }
        case .float64:
            for i in 0..<count {
                target[i] = Float(Double(bitPattern: UInt64(littleEndian: load(source, i))))
            }
        case .float16:
            for i in 0..<count {
                target[i] = Float(halfBits: UInt16(littleEndian: load(source, i)))
            }
        case .bfloat16:
            for i in 0..<count {
                target[i] = Float(bfloat16Bits: UInt16(littleEndian: load(source, i)))
            }
        case .float8E4M3FN: lookUp(source, in: Float8.e4m3fn, to: target)
        case .float8E4M3FNUZ: lookUp(source, in: Float8.e4m3fnuz, to: target)
        case .float8E5M2: lookUp(source, in: Float8.e5m2, to: target)
        case .float8E5M2FNUZ: lookUp(source, in: Float8.e5m2fnuz, to: target)
        case .float8E8M0FNU: lookUp(source, in: Float8.e8m0fnu, to: target)
        case .int64: convertIntegers(source, Int64.self, to: target)
        case .int32: convertIntegers(source, Int32.self, to: target)
        case .int16: convertIntegers(source, Int16.self, to: target)
        case .int8: convertIntegers(source, Int8.self, to: target)
        case .uint64: convertIntegers(source, UInt64.self, to: target)
        case .uint32: convertIntegers(source, UInt32.self, to: target)
        case .uint16: convertIntegers(source, UInt16.self, to: target)
        case .uint8: convertIntegers(source, UInt8.self, to: target)
        case .bool:
            for i in 0..<count { target[i] = source[i] == 0 ? 0 : 1 }
        }
    }
}

@inline(__always)
private func load<Value: FixedWidthInteger>(_ source: UnsafeRawBufferPointer, _ index: Int) -> Value
{
    source.loadUnaligned(fromByteOffset: index * MemoryLayout<Value>.size, as: Value.self)
}

@inline(__always)
private func convertIntegers<Value: FixedWidthInteger>(
    _ source: UnsafeRawBufferPointer, _ type: Value.Type, to target: UnsafeMutablePointer<Float>
) {
    for i in 0..<(source.count / MemoryLayout<Value>.size) {
        target[i] = Float(Value(littleEndian: load(source, i)))
    }
}

private func lookUp(
    _ source: UnsafeRawBufferPointer, in values: [Float], to target: UnsafeMutablePointer<Float>
) {
    for i in 0..<source.count { target[i] = values[Int(source[i])] }
}
