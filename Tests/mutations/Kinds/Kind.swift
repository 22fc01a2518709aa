import Tensors

/// A kind of file: valid seeds, how they are changed, and how the package uses the result.
protocol Kind {
    var name: String { get }
    /// The name of the file in its folder.
    var fileName: String { get }
    /// Valid files.
    var seeds: [[UInt8]] { get }

    /// Changes the contents of a file but keeps its structure; nil if the bytes no longer have that structure.
    func restructured(_ bytes: [UInt8], using random: inout Xoshiro256) -> [UInt8]?

    /// The maximum memory, in bytes, that using a file may take.
    func memoryLimit(of bytes: [UInt8]) -> Int

    /// Writes the other files that belong into the folder; called for each input.
    func prepare(_ folder: String) throws

    /// Does what a command of the program would do with the file.
    ///
    /// - Throws: the package's error if it rejects the file.
    func use(_ path: String) throws
}

extension Kind {
    /// The guarantee for all files except pictures.
    func memoryLimit(of bytes: [UInt8]) -> Int { 16 * bytes.count + 64 << 20 }

    func prepare(_ folder: String) throws {}

    /// The input with a given number; it is always the same.
    func input(_ number: Int, seed: UInt64) -> [UInt8] {
        let stream = Int(truncatingIfNeeded: CRC32.of(name.utf8))
        var random = Xoshiro256(seed: seed, stream: stream, number)
        var bytes = random.pick(seeds)
        for _ in 0..<random.pick([1, 1, 1, 2, 2, 3, 5]) {
            if !random.oneIn(4), let changed = restructured(bytes, using: &random) {
                bytes = changed
            } else {
                bytes.mutate(others: seeds, using: &random)
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
            try BasisKind(), try IndexKind(), try ModelFolderKind.config(),
            try ModelFolderKind.index(),
        ]
    }
}
