import Foundation
import Images
import Testing

@Suite struct WritingTests {
    /// Runs `body` with the path of a temporary folder.
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "ImagesTests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder.path)
    }

    @Test(arguments: [(1, 1), (7, 3), (130, 91)])
    func writtenPNGReadsBackUnchanged(_ width: Int, _ height: Int) throws {
        try withFolder { folder in
            let image = noise(width: width, height: height)
            for _ in 0..<2 {  // The second time over the first file.
                try image.writePNG(to: folder + "/a.png")
                #expect(try Image(contentsOf: folder + "/a.png") == image)
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["a.png"])
        }
    }

    @Test func grayAndIndexedPNGsReadBackUnchanged() throws {
        try withFolder { folder in
            let levels: [UInt8] = [0, 255, 7, 0, 1, 254]
            try Image.writeGrayPNG(levels, width: 3, height: 2, to: folder + "/m.png")
            let mask = try Image(contentsOf: folder + "/m.png")
            #expect(mask.pixels == levels.flatMap { [$0, $0, $0] })

            let palette = ColourMap.tab10.colours(count: 4)
            let labels: [UInt8] = [0, 3, 2, 0, 1, 3]
            try Image.writeIndexedPNG(
                labels, width: 3, height: 2, palette: palette, to: folder + "/l.png")
            let picture = try Image(contentsOf: folder + "/l.png")
            #expect((0..<6).map { picture[$0 % 3, $0 / 3] } == labels.map { palette[Int($0)] })
            // Bytes 24 and 25: the depth is 8, the colour type 3, so an index is a byte.
            let bytes = try Data(contentsOf: URL(filePath: folder + "/l.png"))
            #expect(Array(bytes[24...25]) == [8, 3])
        }
    }

    @Test func failedWritesLeaveNoFile() throws {
        try withFolder { folder in
            let image = Image(width: 2, height: 2)
            let error = #expect(throws: ImageError.self) {
                try image.writePNG(to: folder + "/none/a.png")
            }
            #expect("\(try #require(error))".hasPrefix(folder + "/none/a.png cannot be written: "))
            // A folder has the name of the file: renaming fails after writing.
            try FileManager.default.createDirectory(
                atPath: folder + "/b.png/c", withIntermediateDirectories: true)
            #expect(
                throws: ImageError.unwritable(file: folder + "/b.png", reason: "Is a directory")
            ) { try image.writePNG(to: folder + "/b.png") }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["b.png"])
        }
    }
}
