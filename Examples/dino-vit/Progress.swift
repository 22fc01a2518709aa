import Foundation
import Platform

/// Shows the progress of long work on standard error, with its rate and the time left: on a terminal in
/// one line that is overwritten, elsewhere in a new line every few seconds. Short work shows nothing.
struct Progress {
    private let total: Int
    private let first: Int
    private let unit: String
    private let isSilent: Bool
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let start = ContinuousClock.now
    private var last: ContinuousClock.Instant
    private var done: Int
    private var hasLine = false

    /// - Parameters:
    ///   - total: the final count.
    ///   - unit: the unit of the count, in the plural.
    ///   - first: the count that was already reached before.
    ///   - quiet: whether to show nothing.
    init(_ total: Int, of unit: String, from first: Int = 0, quiet: Bool) {
        self.total = total
        self.first = first
        done = first
        self.unit = unit
        isSilent = quiet
        last = start
    }

    /// Advances the count.
    ///
    /// - Parameters:
    ///   - count: the increment.
    ///   - note: additional text, evaluated only when shown.
    mutating func advance(by count: Int = 1, noting note: @autoclosure () -> String = "") {
        done += count
        let now = ContinuousClock.now
        guard !isSilent, done < total, now - last > interval(now) else { return }
        last = now
        let seconds = (now - start) / .seconds(1)
        let rate = Double(done - first) / seconds
        let note = note()
        let left = Double(total - done) / rate
        show(
            "\(done) of \(total) \(unit)" + (note.isEmpty ? ", " : " (\(note)), ")
                + (rate >= 1 ? "\(shortened(rate)) a second" : "\(shortened(1 / rate)) s each")
                + ", \(duration(left)) left")
    }

    /// The time between two updates; in a file it grows with the duration of the work.
    private func interval(_ now: ContinuousClock.Instant) -> Duration {
        isTerminal ? .milliseconds(200) : max(.seconds(3), min(.seconds(60), (now - start) / 50))
    }

    /// Shows a phase that is not counted.
    mutating func note(_ text: String) {
        if !isSilent && isTerminal { show(text) }
    }

    /// Clears the terminal's line.
    mutating func finish() {
        if hasLine { Terminal.show("\r\u{1B}[K") }
        hasLine = false
    }

    private mutating func show(_ text: String) {
        Terminal.show(isTerminal ? "\r\u{1B}[K\(printable(text))" : printable(text) + "\n")
        hasLine = isTerminal
    }
}

private func shortened(_ value: Double) -> String { String(format: "%.3g", value) }

/// Formats a duration as `45 s`, `3 min 20 s` or `2 h 5 min`.
private func duration(_ seconds: Double) -> String {
    let seconds = Int(seconds.rounded())
    if seconds < 60 { return "\(seconds) s" }
    if seconds < 3600 { return "\(seconds / 60) min \(seconds % 60) s" }
    return "\(seconds / 3600) h \(seconds / 60 % 60) min"
}
