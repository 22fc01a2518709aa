import Foundation
import Platform

/// `log.jsonl`: a line for each step of training, written as the step ends.
///
/// While it is open it belongs to this process alone, so that two do not train into one folder.
package struct TrainingLog: ~Copyable {
    package let path: String
    private let descriptor: Int32
    private var size: Int

    /// The longest line that is read; those written here have some 300 bytes.
    private static let longestLine = 1 << 16

    /// Opens a log, or begins one.
    ///
    /// - Throws: where the file cannot be read or written, is no regular file, or is open in another
    ///   process.
    package init(path: String) throws(TrainingRunError) {
        // Without O_NONBLOCK a pipe would be waited for.
        descriptor = withPath(path) {
            open($0, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o666)
        }
        self.path = path
        size = 0
        var status = stat()
        guard descriptor >= 0, fstat(descriptor, &status) == 0 else {
            throw .unwritable(path: path, reason: "\(SystemError())")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .unwritable(path: path, reason: "it is not a regular file")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw errno == EWOULDBLOCK
                ? inUse : .unwritable(path: path, reason: "\(SystemError())")
        }
        size = Int(status.st_size)
        // Where another process has just set the log aside, this one has the lock of the wrong file.
        var there = stat()
        guard withPath(path, { stat($0, &there) }) == 0, there.st_ino == status.st_ino,
            there.st_dev == status.st_dev
        else { throw inUse }
    }

    private var inUse: TrainingRunError {
        .inUse(folder: Path.folder(of: path))
    }

    /// Whether there is nothing in it.
    package var isEmpty: Bool { size == 0 }

    /// Moves a log whose run left nothing else out of the way, and begins a new one.
    ///
    /// - Returns: where it is now: `log.jsonl.1`, or the next number that is free.
    package mutating func setAside() throws(TrainingRunError) -> String {
        var number = 1
        while FileSystem.kind(of: "\(path).\(number)") != nil { number += 1 }
        let place = "\(path).\(number)"
        guard withPath(path, { from in withPath(place) { rename(from, $0) } }) == 0 else {
            throw .unwritable(path: place, reason: "\(SystemError())")
        }
        self = try TrainingLog(path: path)
        return place
    }

    /// Waits until what was appended lies on the disk.
    package func synchronize() throws(TrainingRunError) {
        guard fsync(descriptor) == 0 else {
            throw .unwritable(path: path, reason: "\(SystemError())")
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Cuts off what lies past a step, whatever it is, for a run that goes on from there and repeats
    /// it; a line at the end that was not finished goes too. What is appended then follows.
    ///
    /// - Parameters:
    ///   - step: the last step whose line stays; 0 empties the log.
    ///   - body: sees the records of the lines that stay, their steps in ascending order.
    /// - Throws: where the file cannot be read or written, or a line up to that step is no record; lines
    ///   without anything in them are passed over.
    /// - Complexity: O(bytes up to the step) time, O(1) memory.
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

    /// The bytes up to the line of a step, that line included; up to the last line before it where
    /// there is none.
    private func lengthOfLines(
        upTo last: Int, _ body: (TrainingRecord) -> Void
    ) throws(TrainingRunError) -> Int {
        var length = 0
        var step = 0
        var number = 0
        // Read but not looked at yet, and the place in the file at which it ends.
        var rest: [UInt8] = []
        var position = 0
        let decoder = JSONDecoder()
        var chunk = [UInt8](repeating: 0, count: 1 << 20)
        while step < last {
            let got = chunk.withUnsafeMutableBytes { systemRead(descriptor, $0, at: position) }
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw .unreadable(path: path, reason: "\(SystemError())") }
            if got == 0 { return length }
            rest += chunk[..<got]
            position += got
            var start = 0
            while step < last, let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                number += 1
                let line = rest[start..<end]
                start = end + 1
                if line.allSatisfy({ $0 <= UInt8(ascii: " ") && $0 > 0 }) { continue }
                guard line.count <= TrainingLog.longestLine,
                    let record = try? decoder.decode(TrainingRecord.self, from: Data(line)),
                    record.step > step
                else { throw noRecord(number) }
                if record.step > last { return length }
                body(record)
                step = record.step
                length = position - (rest.count - start)
            }
            rest.removeFirst(start)
            if rest.count > TrainingLog.longestLine, step < last { throw noRecord(number + 1) }
        }
        return length
    }

    private func noRecord(_ line: Int) -> TrainingRunError {
        .unreadable(
            path: path,
            reason: "line \(line) is no record of the next step of training; correct it, or move"
                + " the log away to go on without its steps")
    }
}

private func systemRead(
    _ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, at position: Int
) -> Int {
    pread(descriptor, buffer.baseAddress, buffer.count, off_t(position))
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
