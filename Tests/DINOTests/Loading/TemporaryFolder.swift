import Foundation
import Images

/// A temporary folder, removed together with the last reference to it.
final class TemporaryFolder {
    let path: String

    init() throws {
        path =
            FileManager.default.temporaryDirectory
            .appending(path: "dino-loading-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Writes a file, creating the folders above it.
    func write(_ bytes: some Sequence<UInt8>, to name: String) throws {
        let file = URL(fileURLWithPath: path).appending(path: name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: file)
    }

    func write(_ image: Image, to name: String) throws {
        try write([], to: name)
        try image.writePNG(to: path + "/" + name)
    }
}

/// JPEG files: gray.jpg, cmyk.jpg and whole.jpg, of 31x23 pixels.
let jpegFiles: [String: Data] = {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Fixtures/pictures.json")
    do {
        return try JSONDecoder().decode([String: Data].self, from: Data(contentsOf: file))
    } catch {
        fatalError("pictures.json: \(error)")
    }
}()

/// A picture of one gray level.
func plain(_ level: UInt8, width: Int = 20, height: Int = 15) -> Image {
    Image(width: width, height: height, colour: Colour(red: level, green: level, blue: level))
}
