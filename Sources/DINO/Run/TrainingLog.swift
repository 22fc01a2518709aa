import Foundation
import Platform

/// `log.jsonl`: one line per training step, appended as the step ends.
///
/// An open log is locked, so that no two processes train into one folder.
package struct TrainingLog: ~Copyable {
    package let path: String
    private let descriptor: Int32
    private var size: Int

    /// The maximum length of a line in bytes; lines written here have about 300.
    private static let longestLine = 1 << 16

    /// Opens a log, creating it if missing, and locks it.
    ///
    /// - Throws: if the file cannot be read or written, is not a regular file, or is open in another process.
    package init(path: String) throws(TrainingRunError) {
        var opened = (descriptor: Int32(-1), status: stat())
        var failure: SystemError?
        do {
            opened = try FileSystem.openFile(path, O_RDWR | O_CREAT)
        } catch {
            failure = error
        }
        descriptor = opened.descriptor
        self.path = path
        size = Int(opened.status.st_size)
        if let failure { throw .unwritable(path: path, reason: failure.description) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw errno == EWOULDBLOCK
                ? inUse : .unwritable(path: path, reason: "\(SystemError())")
        }
        // If another process has just moved the log away, this one holds the lock of the wrong file.
        var there = stat()
        guard withPath(path, { stat($0, &there) }) == 0, there.st_ino == opened.status.st_ino,
            there.st_dev == opened.status.st_dev
        else { throw inUse }
    }

    private var inUse: TrainingRunError {
        .inUse(folder: Path.folder(of: path))
    }

    /// Whether the log is empty.
    package var isEmpty: Bool { size == 0 }

    /// Renames the log of a run that left nothing else, and starts a new one.
    ///
    /// - Returns: its new path: `log.jsonl.1`, or the next free number.
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

    /// Waits until everything appended has been written to disk.
    package func synchronize() throws(TrainingRunError) {
        guard fsync(descriptor) == 0 else {
            throw .unwritable(path: path, reason: "\(SystemError())")
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Truncates the log after a step, for a run that is resumed there and repeats later steps; an incomplete line
    /// at the end is removed too. Further records are appended from there.
    ///
    /// - Parameters:
    ///   - step: the last step to keep; 0 empties the log.
    ///   - body: receives the records that are kept, by ascending step.
    /// - Throws: if the file cannot be read or written, or a line up to that step is not a valid record; blank
    ///   lines are ignored.
    /// - Complexity: O(bytes up to the step) time, O(1) memory.
    package mutating func cut(
        after step: Int, _ body: (TrainingRecord) -> Void
    ) throws(TrainingRunError) {
        size = step > 0 ? try lengthOfLines(upTo: step, body) : 0
        guard ftruncate(descriptor, off_t(size)) == 0,
            lseek(descriptor, off_t(size), SEEK_SET) == size
        else { throw .unwritable(path: path, reason: "\(SystemError())") }
    }

    /// Appends a line. If writing fails, nothing of it remains.
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

    /// The length of the file up to and including the line of a step, or up to the last line before it if there is
    /// none.
    private func lengthOfLines(
        upTo last: Int, _ body: (TrainingRecord) -> Void
    ) throws(TrainingRunError) -> Int {
        var length = 0
        var step = 0
        var number = 0
        // Bytes read but not parsed yet, and the position in the file at which they end.
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
            reason: "line \(line) is not a valid record of a later step; correct it, or move"
                + " the log away to resume without its steps")
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
