import Tensors

/// A kind of file: sound ones to begin with, how they are changed, and what is done with the result.
protocol Kind {
    var name: String { get }
    /// What the file is called in a folder of its own.
    var fileName: String { get }
    /// Sound files.
    var seeds: [[UInt8]] { get }

    /// Changes what the file says without breaking its form; nil where the bytes no longer have that
    /// form.
    func restructured(_ bytes: [UInt8], using chance: inout Xoshiro256) -> [UInt8]?

    /// The most memory that a file may take, in bytes.
    func memoryLimit(of bytes: [UInt8]) -> Int

    /// Lays what belongs beside the file into its folder, anew for each input.
    func prepare(_ folder: String) throws

    /// Does what a person's command would do with the file.
    ///
    /// - Throws: what the package throws where it refuses the file.
    func use(_ path: String) throws
}

extension Kind {
    /// The promise for all files but pictures.
    func memoryLimit(of bytes: [UInt8]) -> Int { 16 * bytes.count + 64 << 20 }

    func prepare(_ folder: String) throws {}

    /// The input of a number, always the same.
    func input(_ number: Int, seed: UInt64) -> [UInt8] {
        let stream = Int(truncatingIfNeeded: CRC32.of(name.utf8))
        var chance = Xoshiro256(seed: seed, stream: stream, number)
        var bytes = chance.pick(seeds)
        for _ in 0..<chance.pick([1, 1, 1, 2, 2, 3, 5]) {
            if !chance.oneIn(4), let changed = restructured(bytes, using: &chance) {
                bytes = changed
            } else {
                bytes.mutate(others: seeds, using: &chance)
            }
        }
        return bytes
    }
}

/// All kinds.
enum Kinds {
    static func all() throws -> [any Kind] {
        [
            try PictureKind(), try MaskKind(), try TensorKind(), try WeightsKind(),
            try CheckpointKind(), try LogKind(), try CoSegmentationKind(), try PartsKind(),
            try BasisKind(), try ModelFolderKind.config(), try ModelFolderKind.index(),
        ]
    }
}
