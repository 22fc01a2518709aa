import Platform

/// The patches of a batch that are hidden from a network in training: its mask token replaces their embeddings (Bao
/// et al. 2022; Zhou et al. 2022).
public struct PatchMask: Sendable, Hashable {
    /// For each image, the indices of its masked patches, counted row by row, without duplicates.
    public var patches: [[Int]]

    /// Creates a mask from the indices of each image's masked patches.
    public init(patches: [[Int]]) {
        self.patches = patches
    }

    /// The number of masked patches.
    public var count: Int { patches.reduce(0) { $0 + $1.count } }

    /// The masked rows of the batch's patches joined into one matrix, `[images * count, width]`.
    ///
    /// - Precondition: the mask has an entry per image, and every index is below `count`.
    func rows(images: Int, patches count: Int) -> [Int] {
        require(
            patches.count == images && patches.joined().allSatisfy { 0..<count ~= $0 },
            "features: a mask of \(patches.count) images for \(images) images of \(count) patches")
        return patches.enumerated().flatMap { image, own in own.map { image * count + $0 } }
    }
}
