import Foundation
import Tensors
import Testing

/// A thousand seeded mutations of valid files: each gives an error or tensors, never a crash, and no
/// tensor larger than the file can hold.
@Suite struct DamagedFileTests {
    @Test(arguments: [
        "values.safetensors", "values.pth", "zip64.pth", "legacy.pth", "protocol4.pth", "f4.npy",
        "fortran.npy",
    ])
    func mutatedFilesThrowOrGiveTensors(name: String) throws {
        let original = Array(try #require(FileManager.default.contents(atPath: fixture(name))))
        var generator = SplitMix64(seed: 20_250_101)
        var errorCount = 0
        try withDirectory { directory in
            let path = directory + "/file"
            // One file is rewritten in place: truncating it to zero first makes some file systems wait
            // for the disk.
            try Data(original).write(to: URL(filePath: path))
            let handle = try #require(FileHandle(forWritingAtPath: path))
            for _ in 0..<1000 {
                let bytes = mutated(original, using: &generator)
                try handle.seek(toOffset: 0)
                try handle.write(contentsOf: Data(bytes))
                try handle.truncate(atOffset: UInt64(bytes.count))
                do {
                    let file = try TensorFile(contentsOf: path)
                    for name in file.names {
                        let tensor = try file.tensor(named: name)
                        #expect(tensor.count <= bytes.count)
                    }
                } catch let error as TensorFileError {
                    errorCount += 1
                    #expect(error.description.hasPrefix(path) && error.description.count < 1000)
                }
            }
        }
        #expect(errorCount > 100 && errorCount < 1000, "\(errorCount) errors")
    }

    /// One to four changes: bits flipped, bytes or words overwritten, runs removed or repeated, the end cut off.
    private func mutated(
        _ original: [UInt8], using generator: inout some RandomNumberGenerator
    ) -> [UInt8] {
        let edgeValues: [UInt64] = [
            0, 1, 0x7f, 0x80, 0xff, 0x7fff_ffff, 0xffff_ffff, 1 << 63, .max,
        ]
        var bytes = original
        for _ in 0..<Int.random(in: 1...4, using: &generator) where bytes.count > 8 {
            let offset = Int.random(in: 0..<(bytes.count - 8), using: &generator)
            let run = Int.random(in: 1...32, using: &generator)
            switch Int.random(in: 0..<8, using: &generator) {
            case 0, 1: bytes[offset] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 2, 3: bytes[offset] = .random(in: 0...255, using: &generator)
            case 4:
                let value = edgeValues.randomElement(using: &generator) ?? 0
                let size = [1, 2, 4, 8].randomElement(using: &generator) ?? 1
                bytes.replaceSubrange(
                    offset..<(offset + size), with: [UInt8](littleEndian: value).prefix(size))
            case 5: bytes.removeSubrange(offset..<min(bytes.count, offset + run))
            case 6: bytes.insert(contentsOf: bytes[offset...].prefix(run), at: offset)
            default:
                if Bool.random(using: &generator) { bytes.removeLast(bytes.count - offset) }
            }
        }
        return bytes
    }
}
