/// Reads a range of a file sequentially through a small window.
struct ByteReader {
    let file: RandomAccessFile
    /// The position of the next byte in the file.
    private(set) var position: Int
    /// The end of the range.
    let end: Int
    private var window: [UInt8] = []
    private var windowStart = 0

    init(_ file: RandomAccessFile, from start: Int, to end: Int) {
        self.file = file
        self.position = start
        self.end = end
    }

    /// Skips bytes.
    mutating func skip(_ count: Int) throws(TensorFileError) {
        try checkLeft(count)
        position += count
    }

    mutating func byte() throws(TensorFileError) -> UInt8 {
        try checkLeft(1)
        if position < windowStart || position >= windowStart + window.count {
            window = try file.bytes(at: position, count: min(1 << 16, end - position))
            windowStart = position
        }
        defer { position += 1 }
        return window[position - windowStart]
    }

    /// Reads the next bytes. Their count is checked against the range before memory is allocated.
    mutating func bytes(_ count: Int) throws(TensorFileError) -> [UInt8] {
        try checkLeft(count)
        if count > 64 {
            defer { position += count }
            return try file.bytes(at: position, count: count)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        for _ in 0..<count { bytes.append(try byte()) }
        return bytes
    }

    mutating func integer<Value: FixedWidthInteger>(
        _ type: Value.Type = Value.self
    ) throws(TensorFileError) -> Value {
        try bytes(Value.bitWidth / 8).littleEndian(at: 0)
    }

    /// Reads the bytes up to the next line feed, and skips the line feed.
    mutating func line(limit: Int) throws(TensorFileError) -> [UInt8] {
        var line: [UInt8] = []
        while true {
            let next = try byte()
            if next == UInt8(ascii: "\n") { return line }
            guard line.count < limit else {
                throw file.damaged("a line at byte \(position) is longer than \(limit) bytes")
            }
            line.append(next)
        }
    }

    private func checkLeft(_ count: Int) throws(TensorFileError) {
        guard count >= 0, count <= end - position else {
            throw file.damaged(
                "\(count) bytes are expected at byte \(position), but \(end - position) are left")
        }
    }
}
