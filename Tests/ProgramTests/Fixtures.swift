import Foundation

/// The files that `Fixtures/make_fixtures.py` wrote with the official code.
enum Fixtures {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures").path
    static let first = folder + "/first.png"
    static let second = folder + "/second.png"
    static let weights = folder + "/network.pth"
    /// The weights, the number of heads, which the file does not state, and the size used for the fixtures.
    static let network = ["--weights", weights, "--heads", "6", "--load-size", "48"]
}

/// An npy file, read without the library.
struct Array32: Equatable {
    var shape: [Int]
    var values: [Float]

    struct UnsupportedFormat: Error {}

    init(_ path: String) throws {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        guard bytes.starts(with: [0x93] + Array("NUMPY".utf8) + [1, 0]), bytes.count > 10 else {
            throw UnsupportedFormat()
        }
        let end = 10 + Int(bytes[8]) + 256 * Int(bytes[9])
        let header = String(decoding: bytes[10..<end], as: UTF8.self)
        guard header.contains("'descr': '<f4'"), header.contains("'fortran_order': False"),
            let open = header.firstIndex(of: "("), let close = header.firstIndex(of: ")"),
            end % 64 == 0
        else { throw UnsupportedFormat() }
        shape = header[open..<close].dropFirst().split(separator: ",").compactMap {
            Int($0.trimmingCharacters(in: .whitespaces))
        }
        values = stride(from: end, to: bytes.count, by: 4).map { start in
            Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * $1) })
        }
        guard values.count == shape.reduce(1, *) else { throw UnsupportedFormat() }
    }

    /// The norm of the difference divided by the norm of the truth; infinite if the shapes differ.
    func relativeError(to truth: Array32) -> Double {
        guard shape == truth.shape else { return .infinity }
        var (difference, norm) = (0.0, 0.0)
        for (value, expected) in zip(values, truth.values) {
            difference += pow(Double(value) - Double(expected), 2)
            norm += pow(Double(expected), 2)
        }
        return (difference / norm).squareRoot()
    }
}
