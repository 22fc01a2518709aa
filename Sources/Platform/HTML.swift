/// A text for the content of an HTML element, or for the value of an attribute in quotes.
///
/// It goes by unicode scalars: as characters, a quote and an accent after it are one, which is no
/// quote. What no line should hold is shown as its number: see ``printable(_:)``.
package func htmlEscaped(_ text: some StringProtocol) -> String {
    var escaped = ""
    for scalar in printable(text).unicodeScalars {
        switch scalar {
        case "&": escaped += "&amp;"
        case "<": escaped += "&lt;"
        case ">": escaped += "&gt;"
        case "\"": escaped += "&quot;"
        case "'": escaped += "&#39;"
        default: escaped.unicodeScalars.append(scalar)
        }
    }
    return escaped
}
