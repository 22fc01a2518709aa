import Foundation
import Platform

/// What the program says to a person. Whatever a file's name or content brought into a line, it stays
/// one line and moves no cursor: see `printable`.
enum Terminal {
    /// Writes a line of the summary to standard output.
    static func say(_ line: String) { print(printable(line)) }

    /// Writes a line beside the summary, to standard error.
    static func note(_ line: String) {
        FileHandle.standardError.write(Data((printable(line) + "\n").utf8))
    }

    /// Names files that were skipped, each with a sentence: the first of them, where they are many.
    static func noteSkipped(_ reasons: [String]) {
        let most = 10
        for reason in reasons.prefix(most) { note("skipped: \(reason)") }
        if reasons.count > most { note("skipped: \(reasons.count - most) more") }
    }
}
