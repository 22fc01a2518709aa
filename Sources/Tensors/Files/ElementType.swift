/// What one element of a tensor is in a file, by PyTorch's name for it. In memory every element is a
/// 32-bit float.
public enum ElementType: String, Hashable, Sendable, Codable, CaseIterable {
    case float64, float32, float16, bfloat16
    case float8E4M3FN = "float8_e4m3fn"
    case float8E4M3FNUZ = "float8_e4m3fnuz"
    case float8E5M2 = "float8_e5m2"
    case float8E5M2FNUZ = "float8_e5m2fnuz"
    case float8E8M0FNU = "float8_e8m0fnu"
    case int64, int32, int16, int8, uint64, uint32, uint16, uint8, bool

    /// Bytes of one element.
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

    /// The end of a sentence about elements of another type.
    static let expectation = "expected floats, integers or booleans"

    /// Turns `source`, which holds little-endian elements of this type and nothing else, to floats.
    ///
    /// Floats of at most 32 bits and integers up to 2^24 keep their value; others are rounded to
    /// the nearest float.
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
