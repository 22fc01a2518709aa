/// What one element of a tensor is in a file. In memory every element is a 32-bit float.
public enum ElementType: String, Hashable, Sendable, Codable, CaseIterable {
    case float64, float32, float16, bfloat16
    case int64, int32, int16, int8, uint8, bool

    /// Bytes of one element.
    public var size: Int {
        switch self {
        case .float64, .int64: 8
        case .float32, .int32: 4
        case .float16, .bfloat16, .int16: 2
        case .int8, .uint8, .bool: 1
        }
    }
}

extension ElementType {
    /// Turns `source`, which holds little-endian elements of this type and nothing else, to floats.
    ///
    /// Halves, 32-bit floats and integers up to 2^24 keep their value; others are rounded to the
    /// nearest float.
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
        case .int64: convertIntegers(source, Int64.self, to: target)
        case .int32: convertIntegers(source, Int32.self, to: target)
        case .int16: convertIntegers(source, Int16.self, to: target)
        case .int8: convertIntegers(source, Int8.self, to: target)
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
