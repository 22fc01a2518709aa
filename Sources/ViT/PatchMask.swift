import Platform

/// Patches of a batch that a network is not shown in training: its mask token takes their embeddings' place (Bao
/// et al. 2022; Zhou et al. 2022).
public struct PatchMask: Sendable, Hashable {
    /// Of each image the masked patches, by their numbers row by row, each once.
    public var patches: [[Int]]

    public init(patches: [[Int]]) {
        self.patches = patches
    }

    /// The number of masked patches.
    public var count: Int { patches.reduce(0) { $0 + $1.count } }

    /// Those of all images in one row.
    ///
    /// - Precondition: there are as many images, and no patch beyond theirs.
    func rows(images: Int, patches count: Int) -> [Int] {
        require(
            patches.count == images && patches.joined().allSatisfy { 0..<count ~= $0 },
            "features: a mask of \(patches.count) images for \(images) of \(count) patches")
        return patches.enumerated().flatMap { image, own in own.map { image * count + $0 } }
    }
}
