import Foundation

extension Tensor: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The shape, then the elements, printed as numpy 2.4 prints a float32 array.
    ///
    /// Each number has the fewest digits that distinguish it from every other float, at most 8 after the point, aligned
    /// in columns. All have an exponent if the largest magnitude is at least a million, the smallest is below 1e-4, or
    /// their ratio exceeds 1000. Above 1000 elements, only the first and last three of each dimension are shown. Lines
    /// are broken at 75 characters.
    ///
    ///     Tensor 2x3
    ///     [[0.5  1.   2.  ]
    ///      [3.   4.25 5.  ]]
    ///
    /// - Complexity: O(elements shown).
    public var description: String { "Tensor \(shape)\n\(elementText)" }

    /// The same as `description`.
    public var debugDescription: String { description }

    /// The shape alone: the elements may be many, and the storage is an implementation detail.
    public var customMirror: Mirror { Mirror(self, children: ["shape": shape]) }

    /// The elements as numpy prints them.
    private var elementText: String {
        withUnsafeElements { elements in
            guard let first = elements.first else { return "[]" }
            guard shape.rank > 0 else { return Decimal(first).alone }
            let isSummary = count > 1000
            let shown = shape.dimensions.map { extent -> [Int?] in
                isSummary && extent > 6
                    ? [0, 1, 2, nil, extent - 3, extent - 2, extent - 1] : Array(0..<extent)
            }
            let places = zip(shape.dimensions, shown).reduce([0]) { places, axis in
                places.flatMap { place in
                    axis.1.compactMap { $0.map { place * axis.0 + $0 } }
                }
            }
            let format = ColumnFormat(places.map { elements[$0] })
            return Brackets(dimensions: shape.dimensions, shown: shown) {
                format.text(elements[$0])
            }.text(axis: 0, place: 0)
        }
    }
}

/// Nested brackets around the texts of the elements, with line breaks in the innermost dimension.
private struct Brackets {
    let dimensions: [Int]
    /// The indices shown of each dimension; `nil` marks the omitted ones.
    let shown: [[Int?]]
    let word: (_ place: Int) -> String

    /// The text of the sub-array at `place`, a row-major index into the dimensions before `axis`.
    func text(axis: Int, place: Int) -> String {
        let indent = String(repeating: " ", count: axis + 1)
        func part(_ index: Int?) -> String {
            guard let index else { return "..." }
            let place = place * dimensions[axis] + index
            return axis + 1 < dimensions.count ? text(axis: axis + 1, place: place) : word(place)
        }
        let parts = shown[axis].map(part)
        guard axis + 1 == dimensions.count else {
            let feed = String(repeating: "\n", count: dimensions.count - 1 - axis)
            return "[" + parts.joined(separator: feed + indent) + "]"
        }
        // The closing brackets count towards the width of the line.
        let width = 75 - axis - 1
        var lines: [String] = []
        var line = indent
        for (index, part) in parts.enumerated() {
            if line.utf8.count + part.utf8.count > width && line != indent {
                lines.append(line.withoutTrailingSpaces)
                line = indent
            }
            line += index + 1 < parts.count ? part + " " : part
        }
        lines.append(line)
        return "[" + lines.joined(separator: "\n").dropFirst(indent.utf8.count) + "]"
    }
}

/// A number format that aligns numbers in columns.
private struct ColumnFormat {
    private var hasExponent = false
    /// The most characters before and after the point.
    private var left = 0
    private var right = 0

    init(_ numbers: [Float]) {
        let finite = numbers.filter(\.isFinite)
        let sizes = finite.map(\.magnitude).filter { $0 > 0 }
        if let high = sizes.max(), let low = sizes.min() {
            hasExponent = high >= 1e6 || low < 1e-4 || high / low > 1000
        }
        for number in finite {
            let decimal = Decimal(number)
            let (whole, fraction) = hasExponent ? decimal.scientific : decimal.positional
            left = max(left, whole.utf8.count)
            right = max(right, fraction.utf8.count)
        }
        if finite.count < numbers.count {
            left = max(left, (numbers.contains(-.infinity) ? 4 : 3) - behind - 1)
        }
    }

    /// Characters after the point, exponent included.
    private var behind: Int { hasExponent ? right + 4 : right }

    func text(_ number: Float) -> String {
        let decimal = Decimal(number)
        guard number.isFinite else {
            return decimal.alone.padded(left: left + behind + 1)
        }
        let (whole, fraction) = hasExponent ? decimal.scientific : decimal.positional
        if hasExponent {
            // Digits up to the length of the longest; beyond the shortest form they are those of the exact value.
            let text =
                fraction.utf8.count == right
                ? whole + "." + fraction + decimal.exponentText
                : String(format: "%.\(right)e", Double(number))
            return text.padded(left: left + behind + 1)
        }
        let filling = String(repeating: " ", count: right - fraction.utf8.count)
        return whole.padded(left: left) + "." + fraction + filling
    }
}

/// A number in decimal digits: the fewest that distinguish it from every other float.
private struct Decimal {
    private let number: Float
    /// The digits without leading and trailing zeros, empty for 0, and the power of ten of the first.
    private let digits: String
    private let exponent: Int

    init(_ number: Float) {
        self.number = number
        let parts = number.magnitude.description.split(separator: "e")
        let mantissa = (parts.first ?? "0").split(separator: ".", omittingEmptySubsequences: false)
        let whole = mantissa[0].drop { $0 == "0" }
        let fraction = mantissa.count > 1 ? mantissa[1] : ""
        let all = whole + fraction
        let significant = all.drop { $0 == "0" }
        digits = String(String(significant).reversed().drop { $0 == "0" }.reversed())
        let shift = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        exponent =
            digits.isEmpty
            ? 0 : whole.utf8.count - 1 - (all.utf8.count - significant.utf8.count) + shift
    }

    private var sign: String { number.sign == .minus && !number.isNaN ? "-" : "" }

    /// The parts before and after the point in scientific notation.
    var scientific: (whole: String, fraction: String) {
        (sign + (digits.isEmpty ? "0" : digits.prefix(1)), String(digits.dropFirst()))
    }

    var exponentText: String {
        (exponent < 0 ? "e-" : "e+") + (abs(exponent) < 10 ? "0" : "") + String(abs(exponent))
    }

    /// The parts before and after the point in positional notation, with at most 8 digits after it.
    var positional: (whole: String, fraction: String) {
        let (whole, fraction) = exact
        guard fraction.utf8.count > 8 else { return (whole, fraction) }
        let parts = String(format: "%.8f", Double(number)).split(separator: ".")
        return (String(parts[0]), String(parts[1].reversed().drop { $0 == "0" }.reversed()))
    }

    private var exact: (whole: String, fraction: String) {
        let count = exponent + 1  // digits before the point
        guard count > 0 else {
            return (sign + "0", String(repeating: "0", count: digits.isEmpty ? 0 : -count) + digits)
        }
        let zeros = String(repeating: "0", count: max(0, count - digits.utf8.count))
        let whole = digits.isEmpty ? "0" : digits.prefix(count) + zeros
        return (sign + whole, String(digits.dropFirst(count)))
    }

    /// The number as numpy prints a scalar.
    var alone: String {
        guard number.isFinite else { return number.isNaN ? "nan" : sign + "inf" }
        let size = Double(number.magnitude)
        if size == 0 || size >= 1e-4 && size < 1e6 {
            let (whole, fraction) = exact
            return whole + "." + (fraction.isEmpty ? "0" : fraction)
        }
        let (whole, fraction) = scientific
        return whole + (fraction.isEmpty ? "" : "." + fraction) + exponentText
    }
}

extension String {
    fileprivate var withoutTrailingSpaces: String {
        String(reversed().drop { $0 == " " }.reversed())
    }

    fileprivate func padded(left width: Int) -> String {
        String(repeating: " ", count: Swift.max(0, width - utf8.count)) + self
    }
}
