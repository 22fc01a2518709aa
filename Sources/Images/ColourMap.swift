import Platform

/// Colour maps by their usual names, with the colours of matplotlib.
public enum ColourMap: String, Sendable, Hashable, Codable, CaseIterable {
    /// Blue, cyan, yellow, red.
    case jet
    /// Dark violet, green, yellow; evenly growing lightness.
    case viridis
    /// Black, violet, orange, pale yellow; evenly growing lightness.
    case magma
    /// A rainbow smoother than `jet`.
    case turbo
    /// Black to white.
    case gray
    /// Ten clearly distinct colours: a map for categories, not for quantities.
    case tab10

    /// The colours from the lowest value to the highest: 256, or 10 for `tab10`.
    public var colours: [Colour] {
        switch self {
        case .jet: Tables.jet
        case .viridis: Tables.viridis
        case .magma: Tables.magma
        case .turbo: Tables.turbo
        case .gray: Tables.gray
        case .tab10: Tables.tab10
        }
    }

    /// The colour of a value: 0...1 is divided into one equal interval per colour. Lower values and NaN get the first
    /// colour, higher values the last.
    public func colour(at value: Double) -> Colour {
        let colours = colours
        let place = value * Double(colours.count)
        if !(place > 0) { return colours[0] }
        return colours[Int(min(place, Double(colours.count - 1)))]
    }

    /// Colours for `count` categories: spread over the whole map or, for `tab10`, in order and repeating after ten.
    ///
    /// - Precondition: `count` is at least 0.
    public func colours(count: Int) -> [Colour] {
        require(count >= 0, "colours(count:): \(count) is below 0")
        if self == .tab10 { return (0..<count).map { Tables.tab10[$0 % 10] } }
        return (0..<count).map { colour(at: Double($0) / Double(max(count - 1, 1))) }
    }

    /// Renders a map of values as a picture.
    ///
    /// - Parameters:
    ///   - values: `height * width` values, row by row, for ``colour(at:)``.
    ///   - width: in pixels.
    ///   - height: in pixels.
    /// - Precondition: `values.count == height * width`, which is at least 1.
    /// - Complexity: O(values).
    public func image(_ values: [Float], width: Int, height: Int) -> Image {
        require(
            width > 0 && height > 0 && values.count == height * width,
            "image: \(values.count) values for \(width)x\(height) pixels")
        return Image(width: width, height: height) { samples in
            for (pixel, value) in values.enumerated() {
                let colour = colour(at: Double(value))
                samples[pixel * 3] = colour.red
                samples[pixel * 3 + 1] = colour.green
                samples[pixel * 3 + 2] = colour.blue
            }
        }
    }
}

private enum Tables {
    static let gray = (0..<256).map { Colour(UInt32($0) * 0x010101) }

    static let tab10: [Colour] = [
        Colour(0x1F77B4), Colour(0xFF7F0E), Colour(0x2CA02C), Colour(0xD62728), Colour(0x9467BD),
        Colour(0x8C564B), Colour(0xE377C2), Colour(0x7F7F7F), Colour(0xBCBD22), Colour(0x17BECF),
    ]

    /// Linear interpolation between the corners of matplotlib's `_jet_data`.
    static let jet = (0..<256).map { index in
        let x = Double(index) / 255
        return Colour(
            red: level(x, [(0, 0), (0.35, 0), (0.66, 1), (0.89, 1), (1, 0.5)]),
            green: level(x, [(0, 0), (0.125, 0), (0.375, 1), (0.64, 1), (0.91, 0), (1, 0)]),
            blue: level(x, [(0, 0.5), (0.11, 1), (0.34, 1), (0.65, 0), (1, 0)]))
    }

    /// The level at `x` of a polyline through `corners`, truncated as matplotlib does.
    private static func level(_ x: Double, _ corners: [(x: Double, y: Double)]) -> UInt8 {
        for (low, high) in zip(corners, corners.dropFirst()) where x <= high.x {
            return UInt8((low.y + (high.y - low.y) * (x - low.x) / (high.x - low.x)) * 255)
        }
        return 0
    }

    static let viridis = colours(viridisTable)
    static let magma = colours(magmaTable)
    static let turbo = colours(turboTable)

    private static func colours(_ table: String) -> [Colour] {
        let digits = table.utf8.map { UInt32($0 < 65 ? $0 - 48 : $0 - 55) }
        return stride(from: 0, to: digits.count, by: 6).map { at in
            Colour(digits[at..<at + 6].reduce(0) { $0 << 4 | $1 })
        }
    }
}
