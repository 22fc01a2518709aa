import Platform

/// A file that is read in pieces, by position.
///
/// It is not memory-mapped: if the file shrinks while it is read this gives an error, where a mapping would kill the
/// process.
final class RandomAccessFile: Sendable {
    let path: String
    /// The length in bytes when the file was opened.
    let size: Int
    private let descriptor: Int32

    init(path: String) throws(TensorFileError) {
        let opened: (descriptor: Int32, status: stat)
        do {
            opened = try FileSystem.openFile(path)
        } catch {
            throw .unreadable(path: path, reason: error.description)
        }
        self.path = path
        size = Int(opened.status.st_size)
        descriptor = opened.descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Whether a range of bytes lies within the file.
    func contains(offset: Int, count: Int) -> Bool {
        offset >= 0 && count >= 0 && offset <= size && count <= size - offset
    }

    /// Fills `buffer` with the bytes from `offset` onwards.
    func read(
        into buffer: UnsafeMutableRawBufferPointer, at offset: Int
    ) throws(TensorFileError) {
        guard contains(offset: offset, count: buffer.count) else {
            throw .damaged(
                path: path,
                reason: "\(buffer.count) bytes are expected at byte \(offset) of \(size)")
        }
        guard let base = buffer.baseAddress else { return }
        var done = 0
        while done < buffer.count {
            let got = pread(descriptor, base + done, buffer.count - done, off_t(offset + done))
            if got < 0 && errno == EINTR { continue }
            if got < 0 { throw .unreadable(path: path, reason: SystemError().description) }
            if got == 0 {
                throw .damaged(
                    path: path, reason: "it ends at byte \(offset + done) instead of \(size)")
            }
            done += got
        }
    }

    /// Reads a range of bytes. The range is checked against the file's length before memory is allocated.
    func bytes(at offset: Int, count: Int) throws(TensorFileError) -> [UInt8] {
        guard contains(offset: offset, count: count) else {
            throw .damaged(
                path: path, reason: "\(count) bytes are expected at byte \(offset) of \(size)")
        }
        var bytes = [UInt8](repeating: 0, count: count)
        var failure: TensorFileError?
        bytes.withUnsafeMutableBytes { buffer in
            do throws(TensorFileError) {
                try read(into: buffer, at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// The first bytes, which identify the format.
    func start() throws(TensorFileError) -> [UInt8] { try bytes(at: 0, count: min(size, 32)) }

    func damaged(_ reason: String) -> TensorFileError { .damaged(path: path, reason: reason) }

    func unsupported(_ reason: String) -> TensorFileError {
        .unsupported(path: path, reason: reason)
    }
}

extension RandomAccessCollection where Element == UInt8, Index == Int {
    /// The little-endian integer that starts `offset` bytes after the first element.
    func littleEndian<Value: FixedWidthInteger>(
        _ type: Value.Type = Value.self, at offset: Int
    ) -> Value {
        var value: Value = 0
        for byte in (0..<(Value.bitWidth / 8)).reversed() {
            value = (value << 8) | Value(truncatingIfNeeded: self[startIndex + offset + byte])
        }
        return value
    }
}

/// A name from a file, escaped for a message and truncated if it is long.
func shown(_ name: some StringProtocol) -> String {
    let scalars = name.unicodeScalars
    let start = String(String.UnicodeScalarView(scalars.prefix(80)))
    return printable(start) + (scalars.count > 80 ? "…" : "")
}
