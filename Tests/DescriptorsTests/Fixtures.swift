import Descriptors
import Foundation
import Tensors
import ViT

/// Decodes a JSON fixture, written by a script in the folder `Fixtures`.
func fixture<Value: Decodable>(_ name: String, file: String = #filePath) throws -> Value {
    let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
    let data = try Data(contentsOf: folder.appendingPathComponent("Fixtures/\(name)"))
    return try JSONDecoder().decode(Value.self, from: data)
}

/// The path of any other fixture.
func fixturePath(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures/\(name)").path
}

/// A grid of adjacent one-pixel patches, for tests in which geometry does not matter.
func grid(_ values: some Collection<Float>, _ rows: Int, _ columns: Int) -> DescriptorGrid {
    DescriptorGrid(
        values: Tensor(values, shape: [rows, columns, values.count / (rows * columns)]),
        geometry: .init(width: columns, height: rows, patchSize: 1, stride: PatchStride(1)))
}

/// Uniform random numbers from -1 to 1.
func noise(_ count: Int, seed: UInt64) -> [Float] {
    var generator = Xoshiro256(seed: seed)
    return (0..<count).map { _ in Float(2 * generator.nextUniform() - 1) }
}

func greatestDifference(_ a: some Sequence<Float>, _ b: some Sequence<Float>) -> Float {
    zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) }
}
