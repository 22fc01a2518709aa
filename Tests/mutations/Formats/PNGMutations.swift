import Tensors

extension PNGFile {
    /// Changes the contents of the file and keeps its checksums correct.
    ///
    /// - Parameter others: files from which chunks may be copied.
    mutating func mutate(others: [[UInt8]], using random: inout Xoshiro256) {
        let at = random.below(chunks.count)
        switch random.below(13) {
        case 0, 1: mutateHeader(using: &random)
        case 2: chunks.remove(at: at)
        case 3: chunks.insert(chunks[at], at: random.below(chunks.count + 1))
        case 4: chunks.insert(chunks.remove(at: at), at: random.below(chunks.count + 1))
        case 5:
            if let other = PNGFile(random.pick(others)) {
                chunks.insert(random.pick(other.chunks), at: 1 + at)
            }
        case 6, 7: chunks.insert(Self.ancillary(using: &random), at: min(1 + at, chunks.count))
        case 8: mutateRows(using: &random)
        case 9: fillWithZeros(using: &random)
        case 10: splitData(using: &random)
        case 11:
            if random.oneIn(2) { chunks[at] = Self.ancillary(using: &random) }
            chunks[at].claim = random.pick(Interesting.integers + [1 << 31 - 2, 8_000_000])
        default:
            chunks[at].data.mutate(others: [[0]], using: &random)
            if random.oneIn(8) { chunks[at].error = 1 }
            if random.oneIn(8) { chunks[at].type[random.below(4)] ^= 0x20 }
        }
        if chunks.isEmpty { chunks = [Chunk("IEND", [])] }
    }

    private mutating func mutateHeader(using random: inout Xoshiro256) {
        guard let header = first("IHDR"), chunks[header].data.count == 13 else { return }
        switch random.below(6) {
        case 0, 1:
            let side = random.pick(
                Interesting.integers.filter { 0...1 << 32 ~= $0 } + [14, 20_000, 100_000, 999_999])
            chunks[header].data.put(
                side, at: random.pick([0, 4]), size: 4, isBigEndian: true)
        case 2: chunks[header].data[8] = random.pick([0, 1, 2, 3, 4, 8, 16, 32, 255])
        case 3: chunks[header].data[9] = random.pick([0, 1, 2, 3, 4, 5, 6, 7, 255])
        case 4: chunks[header].data[12] ^= 1
        default: chunks[header].data[10 + random.below(3)] = UInt8(random.below(256))
        }
    }

    /// Changes rows of the picture and keeps the compressed stream valid.
    private mutating func mutateRows(using random: inout Xoshiro256) {
        guard let data = first("IDAT"), var rows = Deflate.contents(ofStored: chunks[data].data)
        else { return }
        rows.mutate(others: [[0], [255]], using: &random)
        chunks[data].data = Deflate.stored(rows)
    }

    /// Gives the picture another size, with all the data that this requires.
    private mutating func fillWithZeros(using random: inout Xoshiro256) {
        guard let header = first("IHDR"), chunks[header].data.count == 13, let data = first("IDAT")
        else { return }
        let width = random.pick([1, 2, 3, 5, 8, 9, 100, 1000, 4000])
        let height = random.pick([1, 2, 3, 5, 8, 9, 100, 300])
        chunks[header].data.put(width, at: 0, size: 4, isBigEndian: true)
        chunks[header].data.put(height, at: 4, size: 4, isBigEndian: true)
        let (depth, colourType) = (chunks[header].data[8], chunks[header].data[9])
        let count = Self.passes(width, height, isInterlaced: chunks[header].data[12] == 1)
            .reduce(0) {
                let row = Self.rowBytes(
                    $1.columns, depth: Int(depth & 31), colourType: Int(colourType))
                return $0 + $1.rows * (1 + row)
            }
        chunks[data].data = Deflate.zeros(max(0, count + random.pick([0, 0, 0, 0, -1, 1, 1000])))
    }

    private mutating func splitData(using random: inout Xoshiro256) {
        guard let data = first("IDAT") else { return }
        let whole = chunks.remove(at: data).data
        var rest = whole[...]
        var pieces: [Chunk] = []
        while !rest.isEmpty, pieces.count < 50 {
            let piece = rest.prefix(random.below(rest.count + 1))
            pieces.append(Chunk("IDAT", Array(piece)))
            rest = rest.dropFirst(piece.count)
        }
        pieces.append(Chunk("IDAT", Array(rest)))
        if random.oneIn(4) { pieces.insert(Self.ancillary(using: &random), at: pieces.count / 2) }
        chunks.insert(contentsOf: pieces, at: data)
    }

    /// A chunk of metadata, which may be wrong or expand to megabytes.
    private static func ancillary(using random: inout Xoshiro256) -> Chunk {
        let types = [
            "tRNS", "PLTE", "gAMA", "cHRM", "sRGB", "iCCP", "sBIT", "bKGD", "hIST", "pHYs", "sPLT",
            "tIME", "tEXt", "zTXt", "iTXt", "eXIf", "oFFs", "pCAL", "sCAL", "acTL", "fcTL", "cICP",
            "mDCV", "cLLI", "ABCD",
        ]
        let type = random.pick(types)
        let bomb = Deflate.zeros(random.pick([10, 1000, 100_000, 8_000_000, 64_000_000]))
        let noise = (0..<random.pick([0, 1, 2, 3, 6, 12, 255, 256, 257, 768, 771, 1000])).map { _ in
            UInt8(random.below(256))
        }
        switch type {
        case "iCCP", "zTXt": return Chunk(type, Array("name".utf8) + [0, 0] + bomb)
        case "iTXt": return Chunk(type, Array("name".utf8) + [0, 1, 0, 0, 0] + bomb)
        case "eXIf":
            var exif = Exif.orientation(UInt8(random.below(10)))
            if !random.oneIn(3) { exif.mutate(others: [noise + [0]], using: &random) }
            return Chunk(type, exif)
        case "tEXt", "sPLT", "pCAL": return Chunk(type, Array("name".utf8) + [0] + noise)
        default: return Chunk(type, noise)
        }
    }
}

/// A TIFF header with an orientation.
enum Exif {
    static func orientation(_ value: UInt8) -> [UInt8] {
        Array("II".utf8) + [42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, value, 0, 0, 0]
            + [0, 0, 0, 0]
    }
}
