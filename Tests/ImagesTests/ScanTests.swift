import Foundation
import Images
import Testing

/// Each scan of a progressive JPEG costs a pass over the whole picture, for a dozen bytes.
@Suite struct ScanTests {
    private let file: [UInt8] =
        Fixtures.jpeg.first { $0.name == "progressive" }.map { [UInt8]($0.file) } ?? []

    /// The file with its last scan repeated `count` times before the end.
    private func repeating(_ count: Int, in file: [UInt8]) throws -> [UInt8] {
        let start = try #require(
            file.indices.dropLast().last { file[$0] == 0xFF && file[$0 + 1] == 0xDA })
        let scan = file[start..<file.count - 2]
        return file[..<start] + Array(repeatElement(scan, count: count + 1).joined()) + [
            0xFF, 0xD9,
        ]
    }

    @Test func decodesAHundredExtraScans() throws {
        #expect(try Image(decoding: repeating(100, in: file)).width == 37)
    }

    @Test func rejectsTooManyScans() throws {
        let bytes = try repeating(600, in: file)
        #expect {
            _ = try Image(decoding: bytes)
        } throws: { "\($0)".contains("more than 500 scans of its 37x29 pixels") }
    }

    /// The file claims 8192x8192 pixels, with enough bytes after the end to be plausible.
    @Test(.timeLimit(.minutes(1))) func largePicturesMayHaveFewerScans() throws {
        var bytes = try repeating(200, in: file)
        let frame = try #require(
            bytes.indices.dropLast().first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC2 })
        for place in [5, 7] {
            bytes[frame + place] = 0x20
            bytes[frame + place + 1] = 0
        }
        bytes += [UInt8](repeating: 0, count: 8192 * 8192 / 1024)
        #expect {
            _ = try Image(decoding: bytes)
        } throws: { "\($0)".contains("more than 128 scans of its 8192x8192 pixels") }
    }
}
