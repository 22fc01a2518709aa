import DINO
import Foundation
import Images
import Testing

@Suite struct PictureCacheTests {
    @Test func keepsPicturesThatFit() throws {
        let folder = try TemporaryFolder()
        // 20x15 pixels are 900 bytes each.
        for level in 0..<20 { try folder.write(plain(UInt8(level)), to: "\(100 + level).png") }
        let cache = PictureCache(try PictureFolder(folder.path), byteLimit: 900 * 16 + 800)
        for round in 0..<3 {
            for index in 0..<20 {
                let picture = try cache.picture(at: index)
                #expect(picture == plain(UInt8(index)))
            }
            #expect(cache.byteCount == 900 * 16, "round \(round)")
        }
        // The pictures decoded first stay available without their files.
        try FileManager.default.removeItem(atPath: folder.path)
        #expect(try cache.picture(at: 3) == plain(3))
        #expect(throws: ImageError.self) { _ = try cache.picture(at: 19) }
    }

    @Test func doesNotKeepLargePictures() throws {
        let folder = try TemporaryFolder()
        try folder.write(plain(1, width: 80, height: 60), to: "a.png")
        try folder.write(plain(2), to: "b.png")
        let cache = PictureCache(try PictureFolder(folder.path), byteLimit: 16 * 1_000)
        #expect(try cache.picture(at: 0) == plain(1, width: 80, height: 60))
        #expect(cache.byteCount == 0)
        #expect(try cache.picture(at: 1) == plain(2))
        #expect(cache.byteCount == 900)
    }

    @Test func reportsUnreadableFilesAndDoesNotRetry() throws {
        let folder = try TemporaryFolder()
        try folder.write("not a picture".utf8, to: "b.jpg")
        try folder.write(plain(5), to: "a.png")
        try folder.write(jpegFiles["whole.jpg"]!.dropLast(200), to: "c.jpg")
        let cache = PictureCache(try PictureFolder(folder.path))
        for index in [2, 1] {
            #expect(throws: ImageError.self) { _ = try cache.picture(at: index) }
        }
        #expect(cache.unreadable.map(\.index) == [1, 2])
        let first = try #require(cache.unreadable.first)
        #expect("\(first.reason)".hasPrefix(folder.path + "/b.jpg begins with"))
        try folder.write(plain(6), to: "b.jpg")
        #expect(throws: ImageError.self) { _ = try cache.picture(at: 1) }
    }
}
