import Foundation
import Platform

/// `log.jsonl`: a line for each step of training, written as the step ends.
///
/// While it is open it belongs to this process alone, so that two do not train into one folder.
package struct TrainingLog: ~Copyable {
    package let path: String
    private let descriptor: Int32
    private var size: Int

    /// Opens a log, or begins one.
    ///
    /// - Throws: where the file cannot be read or written, or is open in another process.
    package init(path: String) throws(TrainingRunError) {
        descriptor = withPath(path) { open($0, O_RDWR | O_CREAT | O_CLOEXEC, 0o666) }
        self.path = path
        size = 0
        guard descriptor >= 0 else { throw .unwritable(path: path, reason: "\(SystemError())") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let isTaken = errno == EWOULDBLOCK
            throw isTaken
                ? .inUse(folder: Path.folder(of: path))
                : .unwritable(path: path, reason: "\(SystemError())")
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Cuts off what lies past a step, for a run that goes on from there and repeats it; a line that
    /// was not finished goes too. What is appended then follows.
    ///
    /// - Parameters:
    ///   - step: the last step whose line stays; 0 empties the log.
    ///   - body: sees the lines that stay.
    /// - Throws: where the file cannot be read or written or has a line that is no record.
    package mutating func cut(
        after step: Int, _ body: (TrainingRecord) -> Void
    ) throws(TrainingRunError) {
        size = step > 0 ? try lengthOfLines(upTo: step, body) : 0
        guard ftruncate(descriptor, off_t(size)) == 0,
            lseek(descriptor, off_t(size), SEEK_SET) == size
        else { throw .unwritable(path: path, reason: "\(SystemError())") }
    }

    /// Appends a line. Where it does not fit, none of it stays.
    package mutating func append(_ record: TrainingRecord) throws(TrainingRunError) {
        let line = Array(record.line.utf8)
        var done = 0
        while done < line.count {
            let got = line.withUnsafeBytes { bytes in
                bytes.baseAddress.map { systemWrite(descriptor, $0 + done, line.count - done) } ?? 0
            }
            if got < 0 && errno == EINTR { continue }
            guard got > 0 else {
                let reason = "\(SystemError())"
                _ = ftruncate(descriptor, off_t(size))
                throw .unwritable(path: path, reason: reason)
            }
            done += got
        }
        size += line.count
    }

    private func lengthOfLines(
        upTo last: Int, _ body: (TrainingRecord) -> Void
    ) throws(TrainingRunError) -> Int {
        var length = 0
        var number = 0
        var rest: [UInt8] = []
        let decoder = JSONDecoder()
        while true {
            var chunk = [UInt8](repeating: 0, count: 1 << 20)
            let got = chunk.withUnsafeMutableBytes { systemRead(descriptor, $0) }
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw .unreadable(path: path, reason: "\(SystemError())") }
            if got == 0 { return length }
            rest += chunk[..<got]
            var start = 0
            while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                number += 1
                let line = Data(rest[start..<end])
                guard let record = try? decoder.decode(TrainingRecord.self, from: line) else {
                    throw .unreadable(
                        path: path, reason: "line \(number) is no record of a step of training")
                }
                if record.step > last { return length }
                body(record)
                length += end + 1 - start
                start = end + 1
            }
            rest.removeFirst(start)
        }
    }
}

private func systemRead(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
    read(descriptor, buffer.baseAddress, buffer.count)
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
