import Foundation
import Images
import Testing

@Suite struct DecodingTests {
    /// The expected pixels are computed, so they match bit for bit.
    @Test(arguments: Fixtures.png)
    func pngPixelsAreExact(_ fixture: FileCase) throws {
        let image = try Image(decoding: [UInt8](fixture.file))
        #expect(image.width == fixture.width && image.height == fixture.height)
        #expect(image.pixels == [UInt8](fixture.pixels))
    }

    /// Within one level of rounding: Pillow may contain another version of libjpeg-turbo.
    @Test(arguments: Fixtures.jpeg)
    func jpegMatchesPillow(_ fixture: FileCase) throws {
        let image = try Image(decoding: [UInt8](fixture.file))
        #expect(image.width == fixture.width && image.height == fixture.height)
        let difference = Difference(image.pixels, fixture.pixels)
        #expect(difference.largest <= 1)
        #expect(difference.equalShare > 0.99)
    }

    @Test func expectedOrientationsAllDiffer() throws {
        let upright = Fixtures.jpeg.filter { $0.name.hasPrefix("orientation ") }
        #expect(Set(upright.prefix(8).map(\.pixels)).count == 8)
    }

    @Test func rejectsOtherFormatsByTheirFirstBytes() {
        #expect(throws: ImageError.unknownFormat(file: "a.gif", found: [71, 73, 70, 56])) {
            _ = try Image(decoding: [UInt8]("GIF89a".utf8), name: "a.gif")
        }
        #expect(throws: ImageError.unknownFormat(file: "b", found: [])) {
            _ = try Image(decoding: [], name: "b")
        }
        let error = ImageError.unknownFormat(file: "a.gif", found: [71, 73, 70, 6])
        #expect(
            "\(error)" == "a.gif begins with the bytes 47 49 46 06, which is neither PNG nor JPEG")
    }

    @Test func rejectsMissingFilesAndFolders() {
        for (path, reason) in [
            ("/nowhere/at/all.png", "No such file or directory"), ("/", "Is a directory"),
        ] {
            let expected = ImageError.unreadable(file: path, reason: reason)
            #expect(throws: expected) { _ = try Image(contentsOf: path) }
            #expect(throws: expected) { _ = try Image.size(ofFile: path) }
        }
    }

    /// As when the whole picture is read, with every orientation.
    @Test(arguments: Fixtures.jpeg + Fixtures.load("orientation.json"))
    func sizeIsReadFromTheHeader(_ fixture: FileCase) throws {
        let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: file) }
        try fixture.file.write(to: file)
        let size = try Image.size(ofFile: file.path)
        #expect(size.width == fixture.width && size.height == fixture.height)
    }
}
