import Foundation
import Images
import Testing

/// A picture file and its expected pixels.
struct FileCase: Decodable, CustomTestStringConvertible {
    let name: String
    let width: Int
    let height: Int
    let file: Data
    let pixels: Data

    var testDescription: String { name }
}

enum Fixtures {
    static let png: [FileCase] = load("png.json")
    static let jpeg: [FileCase] = load("jpeg.json")

    static func load<Value: Decodable>(_ name: String) -> Value {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Fixtures/\(name)")
        do {
            return try JSONDecoder().decode(Value.self, from: Data(contentsOf: file))
        } catch {
            fatalError("\(name): \(error)")
        }
    }
}

/// The difference between two lists of levels.
struct Difference {
    let largest: Int
    /// The fraction of levels that are equal.
    let equalShare: Double

    init(_ found: some Collection<UInt8>, _ expected: some Collection<UInt8>) {
        precondition(found.count == expected.count)
        let differences = zip(found, expected).map { abs(Int($0) - Int($1)) }
        largest = differences.max() ?? 0
        equalShare =
            Double(differences.count { $0 == 0 }) / Double(max(differences.count, 1))
    }
}

/// The same numbers as `noise` in make_fixtures.py.
func noise(width: Int, height: Int, seed: UInt64 = 0) -> Image {
    var pixels = [UInt8]()
    pixels.reserveCapacity(width * height * 3)
    for y in 0..<UInt64(height) {
        for x in 0..<UInt64(width) {
            for c in 0..<UInt64(3) {
                let value = 3 * x * x + 5 * y * y + 7 * x * y + 11 * x + 29 * y + 71 * c + seed
                pixels.append(UInt8(((value * 2_654_435_761) >> 24) & 0xFF))
            }
        }
    }
    return Image(width: width, height: height, pixels: pixels)
}

/// SplitMix64.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
