/// The parts of zlib's format (RFC 1950, 1951) that suffice to write pictures without a compressor.
enum Deflate {
    /// A stream of stored blocks.
    static func stored(_ bytes: [UInt8]) -> [UInt8] {
        var stream: [UInt8] = [0x78, 0x01]
        var rest = bytes[...]
        repeat {
            let block = rest.prefix(65535)
            rest = rest.dropFirst(65535)
            stream.append(rest.isEmpty ? 1 : 0)
            for length in [block.count, ~block.count] {
                stream += integerBytes(length, size: 2, isBigEndian: false)
            }
            stream += block
        } while !rest.isEmpty
        return stream + integerBytes(adler(bytes), size: 4, isBigEndian: true)
    }

    /// The contents of a stream of stored blocks; nil for any other stream.
    static func contents(ofStored stream: [UInt8]) -> [UInt8]? {
        var contents: [UInt8] = []
        var at = 2
        while at + 5 <= stream.count, stream[at] <= 1 {
            let length = stream.integer(at: at + 1, size: 2, isBigEndian: false)
            guard at + 5 + length <= stream.count else { return nil }
            contents += stream[at + 5..<at + 5 + length]
            if stream[at] == 1 { return contents }
            at += 5 + length
        }
        return nil
    }

    /// A stream of zeros, more than 158 per byte, as in a decompression bomb.
    static func zeros(_ count: Int) -> [UInt8] {
        var stream: [UInt8] = [0x78, 0x01]
        var pending = 0
        var pendingCount = 0
        // Codes are written with the highest bit first, numbers with the lowest.
        func append(_ bits: Int, _ count: Int) {
            for bit in 0..<count {
                pending |= (bits >> (count - 1 - bit) & 1) << pendingCount
                pendingCount += 1
                if pendingCount == 8 {
                    stream.append(UInt8(pending))
                    pending = 0
                    pendingCount = 0
                }
            }
        }
        append(0b110, 3)  // The last block, with the fixed codes.
        var left = count
        if left > 0 {
            append(0b0011_0000, 8)  // A zero.
            left -= 1
        }
        while left >= 258 {
            append(0b1100_0101, 8)  // 258 bytes …
            append(0, 5)  // … from one byte back.
            left -= 258
        }
        for _ in 0..<left { append(0b0011_0000, 8) }
        append(0, 7)  // The end.
        if pendingCount > 0 { append(0, 8 - pendingCount) }
        // Adler-32 of zeros: the first sum stays 1, and the second counts them.
        return stream
            + integerBytes((count % 65521) << 16 | 1, size: 4, isBigEndian: true)
    }

    private static func adler(_ bytes: [UInt8]) -> Int {
        var (first, second) = (1, 0)
        for byte in bytes {
            first = (first + Int(byte)) % 65521
            second = (second + first) % 65521
        }
        return second << 16 | first
    }
}

/// The checksum of PNG and ZIP (ISO 3309).
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { value, _ in
            value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1
        }
    }

    static func of(_ bytes: some Sequence<UInt8>) -> Int {
        Int(~bytes.reduce(~0) { table[Int(($0 ^ UInt32($1)) & 0xFF)] ^ $0 >> 8 })
    }
}
