/// Makes a text safe to show in a line on a terminal or in a report, whatever a file's name or content put into it:
/// characters that move the cursor, break the line or change the direction of writing are shown as their numbers, and
/// so are bytes of a name that is not UTF-8.
package func printable(_ text: some StringProtocol) -> String {
    var shown = ""
    for scalar in text.unicodeScalars {
        if scalar.isCarriedByte {
            shown += "\\x" + String(scalar.value & 0xFF, radix: 16, uppercase: true)
        } else if scalar.properties.generalCategory == .control
            || scalar.properties.generalCategory == .lineSeparator
            || scalar.properties.generalCategory == .paragraphSeparator
            || scalar.turnsDirection
        {
            shown += "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
        } else {
            shown.unicodeScalars.append(scalar)
        }
    }
    return shown
}

extension Unicode.Scalar {
    /// Whether this is one of the marks that embed, override or isolate a direction of writing (Unicode Standard Annex
    /// 9, section 2), which can make one name look like another.
    fileprivate var turnsDirection: Bool {
        switch value {
        case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}

/// Joins the first names of a list and gives the number of the others.
package func shortened(_ names: [String], separator: String, most: Int = 5) -> String {
    let rest = names.count - most
    let shown = names.prefix(rest == 1 ? names.count : most).joined(separator: separator)
    return rest > 1 ? "\(shown)\(separator)and \(rest) more" : shown
}

extension Int {
    /// The decimal digits in groups of three, separated by commas.
    package var grouped: String {
        let digits = Array(String(magnitude))
        return digits.indices.reduce(self < 0 ? "-" : "") { text, index in
            let isBoundary = index > 0 && (digits.count - index) % 3 == 0
            return text + (isBoundary ? "," : "") + String(digits[index])
        }
    }
}
