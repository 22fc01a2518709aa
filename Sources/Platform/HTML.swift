/// Escapes a text for the content of an HTML element or a quoted attribute value.
///
/// Works on Unicode scalars: as a `Character`, a quote followed by a combining accent is not a quote. Control
/// characters are shown as their numbers: see ``printable(_:)``.
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
