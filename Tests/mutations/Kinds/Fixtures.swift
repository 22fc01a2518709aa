import Foundation
import Images
import Platform
import Tensors
import ViT

/// Files of the package's tests, and what more than one kind is made of.
enum Fixtures {
    private static let tests = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The files in a folder below Tests whose names end in one of some ways.
    /// - Parameter types: how their names end.
    static func files(in folder: String, types: [String]) throws -> [[UInt8]] {
        let path = tests.appendingPathComponent(folder).path
        return try FileSystem.names(in: path)
            .filter { name in types.contains { name.hasSuffix("." + $0) } }
            .map { try bytes(of: Path.joined(path, $0)) }
    }

    /// JPEGs: the package writes none.
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

    /// What a function of the package writes into a file.
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

    /// A small picture of two halves with some noise.
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
