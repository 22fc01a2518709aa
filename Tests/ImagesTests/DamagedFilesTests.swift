import Foundation
import Images
import Testing

/// Damaged files give an error or a picture, never a crash. (Run these under the address sanitizer too:
/// `swift test --sanitize=address`.)
@Suite struct DamagedFilesTests {
    static let bases: [FileCase] =
        Fixtures.png.filter {
            [
                "rgb+alpha, 8 bits", "palette+key, 4 bits, interlaced", "gray+key, 16 bits",
                "rgb+alpha, 16 bits, interlaced",
            ].contains($0.name)
        }
        + Fixtures.jpeg.filter {
            ["4:2:0", "progressive", "restarts", "CMYK", "orientation 6"].contains($0.name)
        }

    @Test(arguments: bases)
    func mutatedFilesThrowOrDecode(_ base: FileCase) {
        var generator = Seeded(state: 2)
        var pictures = 0
        for _ in 0..<500 {
            var bytes = [UInt8](base.file)
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                mutate(&bytes, using: &generator)
            }
            // Otherwise nearly every damaged PNG fails at a checksum.
            if Bool.random(using: &generator) { fixChecksums(of: &bytes) }
            do {
                let image = try Image(decoding: bytes, name: base.name)
                #expect(image.pixels.count == image.width * image.height * 3)
                pictures += 1
            } catch {
                #expect("\(error)".hasPrefix(base.name))
                #expect("\(error)".count < 300)
            }
        }
        // Both outcomes must occur; a PNG's compressed pixels contain another checksum.
        #expect(pictures > 0 && pictures < 500, "\(pictures) pictures")
    }

    @Test(arguments: bases)
    func everyTruncationThrows(_ base: FileCase) {
        let bytes = [UInt8](base.file)
        // A JPEG may be complete even if the two bytes of its end marker are missing.
        for count in 0..<bytes.count - 2 {
            #expect(throws: ImageError.self, "\(count) of \(bytes.count) bytes") {
                _ = try Image(decoding: Array(bytes.prefix(count)), name: base.name)
            }
        }
    }

    /// Changes the width and height in the header of a PNG (offset 16) or in a JPEG's frame.
    @Test(arguments: [(65000, 65000), (60000, 60000), (15000, 15000)], bases)
    func rejectsDimensionsBeyondTheFile(_ size: (Int, Int), _ base: FileCase) throws {
        var bytes = [UInt8](base.file)
        if bytes[0] == 0x89 {
            write(size.0, at: 16, count: 4, into: &bytes)
            write(size.1, at: 20, count: 4, into: &bytes)
            fixChecksums(of: &bytes)
        } else {
            let frame = try #require(
                bytes.indices.dropLast().first {
                    bytes[$0] == 0xFF && (0xC0...0xC2).contains(bytes[$0 + 1])
                })
            write(size.1, at: frame + 5, count: 2, into: &bytes)
            write(size.0, at: frame + 7, count: 2, into: &bytes)
        }
        let error = #expect(throws: ImageError.self) {
            _ = try Image(decoding: bytes, name: "bomb")
        }
        guard case .tooLarge("bomb", size.0, size.1, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func rejectsHugeDimensions() {
        var bytes = [UInt8](Self.bases[0].file)
        write(0x7FFF_FFFF, at: 16, count: 4, into: &bytes)
        write(0x7FFF_FFFF, at: 20, count: 4, into: &bytes)
        fixChecksums(of: &bytes)
        #expect(throws: ImageError.self) { _ = try Image(decoding: bytes) }
    }

    /// Blank pictures come close to the highest compression that deflate and Huffman codes allow.
    @Test(arguments: Fixtures.load("dense.json") as [FileCase])
    func decodesHighlyCompressedPictures(_ fixture: FileCase) throws {
        let image = try Image(decoding: [UInt8](fixture.file))
        #expect(image == Image(width: fixture.width, height: fixture.height))
    }

    private func mutate(_ bytes: inout [UInt8], using generator: inout Seeded) {
        guard bytes.count > 8 else { return }
        // The signature stays: other tests cover it.
        let index = Int.random(in: 3..<bytes.count, using: &generator)
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1: bytes[index] = UInt8.random(in: 0...255, using: &generator)
        case 2 where Int.random(in: 0..<4, using: &generator) == 0: bytes.removeSubrange(index...)
        case 3:
            let inserted = (0..<Int.random(in: 1...9, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            bytes.insert(contentsOf: inserted, at: index)
        default:
            guard let field = lengthFields(of: bytes).randomElement(using: &generator) else {
                return
            }
            let limit = Int.random(in: 1...field.count * 8, using: &generator)
            let value = Int.random(in: 0..<1 << limit, using: &generator)
            write(value, at: field.lowerBound, count: field.count, into: &bytes)
        }
    }

    /// The length fields of a PNG's chunks or a JPEG's segments.
    private func lengthFields(of bytes: [UInt8]) -> [Range<Int>] {
        if bytes[0] == 0x89 { return chunks(of: bytes).map { $0..<$0 + 4 } }
        return bytes.indices.dropLast(4).filter {
            bytes[$0] == 0xFF && bytes[$0 + 1] >= 0xC0 && !(0xD0...0xD9).contains(bytes[$0 + 1])
        }.map { $0 + 2..<$0 + 4 }
    }

    /// The offsets of a PNG's chunks.
    private func chunks(of bytes: [UInt8]) -> [Int] {
        var starts = [Int]()
        var offset = 8
        while offset + 12 <= bytes.count {
            starts.append(offset)
            offset += 12 + bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
        }
        return starts
    }

    private func fixChecksums(of bytes: inout [UInt8]) {
        guard bytes[0] == 0x89 else { return }
        for start in chunks(of: bytes) {
            let end = start + 8 + bytes[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
            guard end + 4 <= bytes.count else { return }
            write(Int(checksum(bytes[(start + 4)..<end])), at: end, count: 4, into: &bytes)
        }
    }

    private func write(_ value: Int, at offset: Int, count: Int, into bytes: inout [UInt8]) {
        for index in 0..<count {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - index)))
        }
    }

    /// PNG's CRC-32 (ISO 3309), bit by bit.
    private func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var crc = UInt32.max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return ~crc
    }
}
