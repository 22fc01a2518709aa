import Platform

/// A colour of 8-bit red, green and blue, in the encoding of the file it came from (usually sRGB; nothing here
/// converts).
public struct Colour: Sendable, Hashable, Codable {
    /// The red level.
    public var red: UInt8
    /// The green level.
    public var green: UInt8
    /// The blue level.
    public var blue: UInt8

    /// Creates a colour from its levels.
    public init(red: UInt8, green: UInt8, blue: UInt8) {
        self.red = red
        self.green = green
        self.blue = blue
    }

    /// Creates a colour from hexadecimal notation: `Colour(0xFF8000)` is orange.
    ///
    /// - Precondition: `hex` is at most 0xFFFFFF.
    public init(_ hex: UInt32) {
        require(hex <= 0xFF_FFFF, "Colour: \(hex) is above 0xFFFFFF")
        self.init(
            red: UInt8(hex >> 16), green: UInt8(hex >> 8 & 0xFF), blue: UInt8(hex & 0xFF))
    }

    /// Black, 0x000000.
    public static let black = Colour(0x000000)
    /// White, 0xFFFFFF.
    public static let white = Colour(0xFFFFFF)

    /// Mixes two colours: `1 - factor` parts of this one and `factor` of the other, rounded to the nearest level.
    ///
    /// - Precondition: `factor` is in 0...1.
    public func mixed(with other: Colour, factor: Double) -> Colour {
        require((0...1).contains(factor), "mixed: factor \(factor) is not in 0...1")
        let mix = Mix(factor)
        return Colour(
            red: mix(red, other.red), green: mix(green, other.green), blue: mix(blue, other.blue))
    }
}

/// Mixes two samples in 16-bit fixed point; factors 0 and 1 return a sample unchanged.
struct Mix {
    private let weight: UInt32

    /// - Precondition: `factor` is in 0...1.
    init(_ factor: Double) {
        weight = UInt32((factor * 65536).rounded())
    }

    @inline(__always)
    func callAsFunction(_ first: UInt8, _ second: UInt8) -> UInt8 {
        UInt8(
            truncatingIfNeeded: (UInt32(first) &* (65536 &- weight) &+ UInt32(second) &* weight
                &+ 32768) >> 16)
    }
}
