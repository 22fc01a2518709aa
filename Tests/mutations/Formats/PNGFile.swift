import Tensors

/// A PNG file, split into chunks, whose lengths and checksums are computed anew when it is written.
struct PNGFile {
    struct Chunk {
        var type: [UInt8]
        var data: [UInt8]
        /// Added to the checksum.
        var error = 0
        /// The length to write instead of the true one.
        var claim: Int?
    }

    static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    var chunks: [Chunk]

    init(chunks: [Chunk]) { self.chunks = chunks }

    /// Nil if the bytes are not a series of chunks.
    init?(_ bytes: [UInt8]) {
        guard bytes.starts(with: Self.signature) else { return nil }
        chunks = []
        var at = 8
        while at + 12 <= bytes.count {
            let length = bytes.integer(at: at, size: 4, isBigEndian: true)
            guard length <= bytes.count - at - 12 else { break }
            let data = Array(bytes[at + 8..<at + 8 + length])
            chunks.append(Chunk(type: Array(bytes[at + 4..<at + 8]), data: data))
            at += 12 + length
        }
        if chunks.isEmpty { return nil }
    }

    var bytes: [UInt8] {
        chunks.reduce(into: Self.signature) { bytes, chunk in
            let length = chunk.claim ?? chunk.data.count
            bytes += integerBytes(length, size: 4, isBigEndian: true)
            bytes += chunk.type + chunk.data
            bytes += integerBytes(
                CRC32.of(chunk.type + chunk.data) + chunk.error, size: 4, isBigEndian: true)
        }
    }

    func first(_ type: String) -> Int? { chunks.firstIndex { $0.type == Array(type.utf8) } }
}

extension PNGFile.Chunk {
    init(_ type: String, _ data: [UInt8]) {
        self.init(type: Array(type.utf8), data: data)
    }
}

extension PNGFile {
    /// A picture of noise.
    ///
    /// - Parameters:
    ///   - colourType: 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGBA.
    ///   - extra: chunks to insert before the picture's data.
    init(
        width: Int, height: Int, depth: Int, colourType: Int, isInterlaced: Bool,
        extra: [Chunk] = [], using random: inout Xoshiro256
    ) {
        let header =
            integerBytes(width, size: 4, isBigEndian: true)
            + integerBytes(height, size: 4, isBigEndian: true)
            + [UInt8(depth), UInt8(colourType), 0, 0, isInterlaced ? 1 : 0]
        var rows: [UInt8] = []
        for pass in Self.passes(width, height, isInterlaced: isInterlaced) {
            for _ in 0..<pass.rows {
                rows.append(UInt8(random.below(5)))
                let count = Self.rowBytes(pass.columns, depth: depth, colourType: colourType)
                // Only the lower indices are certain to be in the palette.
                for _ in 0..<count { rows.append(UInt8(random.below(colourType == 3 ? 4 : 256))) }
            }
        }
        self.init(chunks: [Chunk("IHDR", header)] + extra)
        if colourType == 3 {
            let colours = (0..<3 * 4).map { _ in UInt8(random.below(256)) }
            // The palette precedes the chunks that refer to it.
            chunks.insert(Chunk("PLTE", colours), at: 1)
            if depth == 8 { rows = rows.map { $0 & 3 } }
        }
        chunks += [Chunk("IDAT", Deflate.stored(rows)), Chunk("IEND", [])]
    }

    static func rowBytes(_ columns: Int, depth: Int, colourType: Int) -> Int {
        let channels = [2: 3, 4: 2, 6: 4][colourType] ?? 1
        return (columns * depth * channels + 7) / 8
    }

    /// The passes that make up the picture: one, or those of Adam7's seven that have pixels.
    static func passes(
        _ width: Int, _ height: Int, isInterlaced: Bool
    ) -> [(columns: Int, rows: Int)] {
        guard isInterlaced else { return [(width, height)] }
        let steps = [
            (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
            (0, 1, 1, 2),
        ]
        return steps.map { x, y, across, down in
            ((width - x + across - 1) / across, (height - y + down - 1) / down)
        }.filter { $0.columns > 0 && $0.rows > 0 }
    }
}
