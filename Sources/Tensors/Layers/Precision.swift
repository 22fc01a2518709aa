/// The precision in which linear maps compute, for inference. Activations stay float32 between the maps.
public enum Precision: String, Hashable, Sendable, Codable, CaseIterable {
    /// 32-bit floats.
    case float32
    /// 16-bit integers with a scale for each row: nearly the accuracy of float32, in half the memory.
    case int16
    /// 8-bit integers with a scale for each row: a quarter of the memory.
    case int8

    /// Bits of an integer; nil for floats.
    package var integerBits: Int? {
        switch self {
        case .float32: nil
        case .int16: 16
        case .int8: 8
        }
    }
}
