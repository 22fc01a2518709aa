import Foundation
import Platform
import Synchronization

/// Standard output and standard error: all that the program says to a person goes through here.
/// Whatever a file's name or content brought into a line, it stays one line and moves no cursor: see
/// `printable`.
enum Terminal {
    /// Sees to it that a stream that cannot be written is told by the system call, so that the program
    /// ends with a sentence or works on: neither a signal (a reader that has gone, a file at its size
    /// limit) ends it, nor does a file that it opens take the place of a stream that was closed.
    static func prepare() {
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest free number is taken, this one; what is open for reading cannot be written.
            _ = open("/dev/null", O_RDONLY)
        }
    }

    /// Writes a line of the summary to standard output.
    static func say(_ line: String) { say(text: printable(line)) }

    /// Writes a text of the program's own to standard output, as far as it can be written: results are
    /// in files, and whoever has read enough of the summary (`| head -1`) still wants these.
    static func say(text: String) {
        outputFailure.withLock { failure in
            if failure == nil { failure = write(text + "\n", to: STDOUT_FILENO) }
        }
    }

    /// Why standard output could not be written, if so.
    private static let outputFailure = Mutex<SystemError?>(nil)

    /// Ends the program with a sentence and status 1 where not all that was said could be written.
    static func finish() {
        guard let reason = outputFailure.withLock(\.self) else { return }
        note("error: standard output cannot be written: \(reason)")
        exit(EXIT_FAILURE)
    }

    /// Writes a line beside the summary, to standard error, as far as it can be written: days of work
    /// do not end for want of a terminal.
    static func note(_ line: String) { show(printable(line) + "\n") }

    /// Names files that were skipped, each with a sentence: the first of them, where they are many.
    static func noteSkipped(_ reasons: [String]) {
        let most = 10
        for reason in reasons.prefix(most) { note("skipped: \(reason)") }
        if reasons.count > most { note("skipped: \(reasons.count - most) more") }
    }

    /// Writes a text of the program's own, which may move the cursor, to standard error.
    static func show(_ text: String) {
        _ = write(text, to: STDERR_FILENO)
    }

    /// - Returns: what the system says where not all could be written.
    private static func write(_ text: String, to descriptor: Int32) -> SystemError? {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { systemWrite(descriptor, $0) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                // Whoever shares the stream has set it so.
                var stream = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&stream, 1, -1)
            } else if errno != EINTR {
                return SystemError()
            }
        }
        return nil
    }
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    write(descriptor, bytes.baseAddress, bytes.count)
}
