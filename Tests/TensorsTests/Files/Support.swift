import Foundation
import Tensors

/// The path of a file that make_files.py or make_allowed.py made.
func fixture(_ name: String) -> String {
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/Files/\(name)").path
}

/// Runs `body` with the path of a temporary file of the given bytes.
func withFile<Result>(_ bytes: [UInt8], _ body: (String) throws -> Result) throws -> Result {
    try withDirectory { directory in
        let path = directory + "/file"
        try Data(bytes).write(to: URL(filePath: path))
        return try body(path)
    }
}

/// Runs `body` with the path of an empty temporary directory.
func withDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
    let directory = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    return try body(directory.path)
}

/// Reads every tensor of a file of the given bytes; the description of the error thrown, nil if none is.
func errorMessage(reading bytes: [UInt8]) throws -> String? {
    try withFile(bytes) { errorMessage(readingFile: $0) }
}

/// Reads every tensor of a file; the description of the error thrown, nil if none is.
func errorMessage(readingFile path: String) -> String? {
    do throws(TensorFileError) {
        let file = try TensorFile(contentsOf: path)
        for name in file.names { _ = try file.tensor(named: name) }
        return nil
    } catch {
        return error.description
    }
}

extension [UInt8] {
    /// The bytes of an integer, least significant first.
    init(littleEndian value: some FixedWidthInteger) {
        self = Swift.withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}

/// Builds pickles opcode by opcode, for those that Python would not write.
struct PickleBytes {
    var bytes: [UInt8] = [0x80, 2]

    mutating func op(_ letters: String) { bytes += Array(letters.utf8) }
    mutating func op(_ codes: UInt8...) { bytes += codes }
    mutating func string(_ text: String) {
        bytes += [0x58] + .init(littleEndian: UInt32(text.utf8.count)) + Array(text.utf8)
    }
    mutating func int(_ value: Int) { bytes += [0x8a, 8] + .init(littleEndian: Int64(value)) }
    mutating func global(_ module: String, _ name: String) { op("c\(module)\n\(name)\n") }
    mutating func tuple(_ values: [Int]) {
        op("(")
        for value in values { int(value) }
        op("t")
    }

    /// A tensor of a float storage.
    mutating func tensor(
        key: String = "0", count: Int, offset: Int = 0, sizes: [Int], strides: [Int]
    ) {
        global("torch._utils", "_rebuild_tensor_v2")
        op("((")
        string("storage")
        global("torch", "FloatStorage")
        string(key)
        string("cpu")
        int(count)
        op("tQ")
        int(offset)
        tuple(sizes)
        tuple(strides)
        op(0x89, 0x4e)
        op("tR")
    }

    /// A zip archive of this pickle and a storage `0` of some floats.
    func archive(floats: Int = 4) -> [UInt8] {
        var zip = ZipBytes()
        zip.add("archive/data.pkl", bytes + [0x2e])
        zip.add(
            "archive/data/0", (0..<floats).flatMap { [UInt8](littleEndian: Float($0).bitPattern) })
        return zip.finished()
    }
}

/// Builds zip archives of uncompressed entries, whose directory may make false claims.
struct ZipBytes {
    struct Claim {
        var name: String
        var size: UInt32
        var start: UInt32
        var extra: [UInt8] = []
    }

    var bytes: [UInt8] = []
    var claims: [Claim] = []

    mutating func add(_ name: String, _ data: [UInt8]) {
        claims.append(.init(name: name, size: UInt32(data.count), start: UInt32(bytes.count)))
        bytes += .init(littleEndian: 0x0403_4b50 as UInt32) + [UInt8](repeating: 0, count: 22)
        bytes += .init(littleEndian: UInt16(name.utf8.count)) + [0, 0] + Array(name.utf8) + data
    }

    func finished(entries: UInt16? = nil, comment: [UInt8] = []) -> [UInt8] {
        var directory: [UInt8] = []
        for claim in claims {
            directory +=
                .init(littleEndian: 0x0201_4b50 as UInt32) + [UInt8](repeating: 0, count: 16)
            directory += .init(littleEndian: claim.size) + .init(littleEndian: claim.size)
            directory += .init(littleEndian: UInt16(claim.name.utf8.count))
            directory += .init(littleEndian: UInt16(claim.extra.count))
            directory += [UInt8](repeating: 0, count: 10) + .init(littleEndian: claim.start)
            directory += Array(claim.name.utf8) + claim.extra
        }
        let count = entries ?? UInt16(claims.count)
        return bytes + directory + .init(littleEndian: 0x0605_4b50 as UInt32) + [0, 0, 0, 0]
            + .init(littleEndian: count) + .init(littleEndian: count)
            + .init(littleEndian: UInt32(directory.count))
            + .init(littleEndian: UInt32(bytes.count))
            + .init(littleEndian: UInt16(comment.count)) + comment
    }
}
