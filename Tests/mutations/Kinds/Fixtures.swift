import Foundation
import Images
import Platform
import Tensors
import ViT

/// Files of the package's tests, and data that several kinds use.
enum Fixtures {
    private static let tests = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The files with some extensions in a folder below Tests.
    ///
    /// - Parameter types: the ends of the names after a dot.
    static func files(in folder: String, types: [String]) throws -> [[UInt8]] {
        let path = tests.appendingPathComponent(folder).path
        return try FileSystem.names(in: path)
            .filter { name in types.contains { name.hasSuffix("." + $0) } }
            .map { try bytes(of: Path.joined(path, $0)) }
    }

    /// JPEG files from fixtures, since the package does not write any.
    static func jpegs() throws -> [[UInt8]] {
        struct Case: Decodable { var file: Data }
        let decoder = JSONDecoder()
        func data(_ path: String) throws -> Data {
            try Data(contentsOf: tests.appendingPathComponent(path))
        }
        let cases = try decoder.decode([Case].self, from: data("ImagesTests/Fixtures/jpeg.json"))
        let named = try decoder.decode(
            [String: Data].self, from: data("DINOTests/Fixtures/pictures.json"))
        return (cases.map(\.file) + named.sorted { $0.key < $1.key }.map(\.value)).map(Array.init)
    }

    static func bytes(of path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    /// The bytes that a function writes to a file.
    static func written(_ write: (String) throws -> Void) throws -> [UInt8] {
        let path = Path.joined(Scratch.folder, "seed")
        try write(path)
        defer { FileSystem.remove(path) }
        return try bytes(of: path)
    }

    /// A network of a few thousand parameters.
    static let network = VisionTransformer.Configuration(
        width: 8, depth: 2, heads: 2, patchSize: 4, hiddenWidth: 16,
        positionGrid: PatchGrid(rows: 2, columns: 2))

    static let model: VisionTransformer = {
        var generator = Xoshiro256(seed: 1)
        return VisionTransformer(untrained: network, using: &generator)
    }()

    /// A small picture with two different halves and noise.
    static func photo(_ number: Int, side: Int = 16) -> Image {
        var generator = Xoshiro256(seed: 2, stream: number)
        let pixels = (0..<side * side).flatMap { pixel in
            (0..<3).map { channel in
                UInt8(generator.below(60) + (pixel % side < side / 2 ? 0 : 60 * (channel + 1)))
            }
        }
        return Image(width: side, height: side, pixels: pixels)
    }
}
