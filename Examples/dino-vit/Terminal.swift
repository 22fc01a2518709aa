import Foundation
import Platform
import Synchronization

/// Standard output and standard error: all messages of the program are written here. A line stays one
/// line without control characters, whatever file names or contents it includes; see `printable`.
enum Terminal {
    /// Makes failing writes return errors, so that the program can end with a message or continue: ignores
    /// the signals for a closed reader and for a file at its size limit, and opens closed standard
    /// streams, so that files opened later do not take their descriptors. Ends the program with a message if it
    /// may open too few files: Dispatch, which opens some of its own, would crash.
    static func prepare() {
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            // `open` takes the lowest free descriptor, which is this one; writing to it fails.
            _ = open("/dev/null", O_RDONLY)
        }
        let needed = (0..<16).map { _ in open("/dev/null", O_RDONLY) }
        let failure = SystemError()
        for descriptor in needed where descriptor >= 0 { close(descriptor) }
        if needed.contains(-1) {
            note(
                "error: the process may not open \(needed.count) files at a time (ulimit -n): \(failure)"
            )
            exit(EXIT_FAILURE)
        }
    }

    /// Whether nothing is written, as by all but the first of several processes.
    static var isMuted: Bool {
        get { muted.load(ordering: .relaxed) }
        set { muted.store(newValue, ordering: .relaxed) }
    }

    private static let muted = Atomic<Bool>(false)

    /// Writes a line of the summary to standard output.
    static func say(_ line: String) { say(text: printable(line)) }

    /// Writes the program's own text to standard output. After a failure it writes nothing more, but the
    /// work continues: results are in files, which are still needed after `| head -1`.
    static func say(text: String) {
        guard !isMuted else { return }
        outputFailure.withLock { failure in
            if failure == nil { failure = write(text + "\n", to: STDOUT_FILENO) }
        }
    }

    /// The first error in writing to standard output.
    private static let outputFailure = Mutex<SystemError?>(nil)

    /// Ends the program with a message and status 1 if standard output could not be written completely.
    static func finish() {
        guard let reason = outputFailure.withLock(\.self) else { return }
        note("error: standard output cannot be written: \(reason)")
        exit(EXIT_FAILURE)
    }

    /// Writes a line to standard error and ignores failures, as long work must not end with its terminal.
    static func note(_ line: String) { show(printable(line) + "\n") }

    /// Lists skipped files, at most the first ten.
    static func noteSkipped(_ reasons: [String]) {
        let most = 10
        for reason in reasons.prefix(most) { note("skipped: \(reason)") }
        if reasons.count > most { note("skipped: \(reasons.count - most) more") }
    }

    /// Writes the program's own text, which may contain control characters, to standard error.
    static func show(_ text: String, evenIfMuted: Bool = false) {
        guard !isMuted || evenIfMuted else { return }
        _ = write(text, to: STDERR_FILENO)
    }

    /// - Returns: the system's error if not everything could be written.
    private static func write(_ text: String, to descriptor: Int32) -> SystemError? {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { systemWrite(descriptor, $0) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                // Another process that shares the stream has made it non-blocking.
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
