import Foundation
import Images
import Testing

/// PNG chunks other than pixels: EXIF orientations, false lengths, and long chunks.
@Suite struct ChunkTests {
    /// Against Pillow's `exif_transpose`; see `Fixtures/make_masks.py`.
    @Test(arguments: Fixtures.load("orientation.json") as [FileCase])
    func orientationMatchesPillow(_ fixture: FileCase) throws {
        let image = try Image(decoding: [UInt8](fixture.file))
        #expect(image.width == fixture.width && image.height == fixture.height)
        #expect(image.pixels == [UInt8](fixture.pixels))
    }

    /// As in libpng, which skips optional chunks with a wrong checksum.
    @Test func ignoresEXIFWithWrongChecksum() throws {
        let cases: [FileCase] = Fixtures.load("orientation.json")
        let rotated = try #require(cases.first { $0.name == "orientation 6" })
        let upright = try #require(cases.first { $0.name == "orientation 1" })
        var bytes = [UInt8](rotated.file)
        bytes[33 + 8 + 19] = 3
        #expect(try Image(decoding: bytes).pixels == [UInt8](upright.pixels))
    }

    /// The table of CRC-32 (ISO 3309), by byte.
    private static let checksums = (0..<256).map { (byte: UInt32) -> UInt32 in
        var crc = byte
        for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        return crc
    }

    /// A chunk: length, name, data and checksum; `claims` replaces the length.
    private func chunk(_ name: String, _ data: [UInt8], claims: UInt32? = nil) -> [UInt8] {
        let length = claims ?? UInt32(data.count)
        var crc = UInt32.max
        for byte in Array(name.utf8) + data {
            crc = crc >> 8 ^ Self.checksums[Int(UInt8(truncatingIfNeeded: crc) ^ byte)]
        }
        func bytes(_ value: UInt32) -> [UInt8] {
            (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
        }
        return bytes(length) + name.utf8 + data + bytes(~crc)
    }

    /// The file of a picture of 13 x 11 pixels, split after its header and before its end.
    private var parts: (header: [UInt8], pixels: [UInt8], end: [UInt8]) {
        get throws {
            let file = [UInt8](try #require(Fixtures.png.first { $0.name == "rgb, 8 bits" }).file)
            return (Array(file[..<33]), Array(file[33..<file.count - 12]), Array(file.suffix(12)))
        }
    }

    /// The peak memory of the process, in bytes.
    private var peakMemory: Int {
        var usage = rusage()
        getrusage(0, &usage)  // RUSAGE_SELF
        return usage.ru_maxrss * 1024
    }

    /// Chunks that libpng knows and others that it does not, before the pixels and after them.
    @Test(
        arguments: [
            "sCAL", "pCAL", "zTXt", "tEXt", "iTXt", "iCCP", "sPLT", "eXIf", "PLTE", "tRNS", "hIST",
            "gAMA", "aBcD", "IDAT", "IEND", "ABCD",
        ], [0x7FFF_FFFE, 0x7FFF_FFFF, 0xFFFF_FFF4, 0xFFFF_FFFF, 900] as [UInt32])
    func rejectsChunksLongerThanTheFile(_ name: String, _ claim: UInt32) throws {
        let (header, pixels, end) = try parts
        let broken = chunk(name, [UInt8](repeating: 120, count: 20), claims: claim)
        let before = peakMemory
        for bytes in [header + broken, header + broken + end, header + pixels + broken + end] {
            if name == "IEND" && bytes.count > 300 { continue }
            let error = #expect(throws: ImageError.self) {
                _ = try Image(decoding: bytes, name: "claim")
            }
            #expect("\(String(describing: error))".contains("ends too soon"))
        }
        // Other tests run at the same time; the chunk claims up to 4 GB.
        #expect(peakMemory - before < 1 << 30)
    }

    /// Complete chunks of 9 MB, before the pixels and after them.
    @Test(arguments: ["tEXt", "zTXt", "iCCP", "eXIf", "aBcD"])
    func skipsLongChunks(_ name: String) throws {
        let (header, pixels, end) = try parts
        let expected = try Image(decoding: header + pixels + end)
        let long = chunk(name, Array("Comment\0".utf8) + [UInt8](repeating: 66, count: 9 << 20))
        #expect(try Image(decoding: header + long + pixels + end) == expected)
        #expect(try Image(decoding: header + pixels + long + end) == expected)
    }

    /// The limit for a picture follows from its compressed pixels, whatever text makes the file longer.
    @Test func paddingDoesNotRaiseTheSizeLimit() throws {
        let (_, pixels, end) = try parts
        func file(side: UInt32, padding: Int) -> [UInt8] {
            let sides = [side, side].flatMap { side in
                (0..<4).map { UInt8(truncatingIfNeeded: side >> (24 - 8 * $0)) }
            }
            return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
                + chunk("IHDR", sides + [8, 0, 0, 0, 0])
                + chunk("tEXt", Array("a\0".utf8) + [UInt8](repeating: 65, count: padding))
                + pixels + end
        }
        for (side, padding) in [(9000, 100_000), (15_000, 1 << 20)] as [(UInt32, Int)] {
            let error = #expect(throws: ImageError.self) {
                _ = try Image(decoding: file(side: side, padding: padding), name: "padded")
            }
            guard case .tooLarge("padded", Int(side), Int(side), _) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
    }
}
