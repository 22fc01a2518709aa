/// Two cells that are each other's nearest neighbours.
public struct BestBuddy: Hashable, Sendable, Codable {
    /// Index of the cell in the first grid, in row-major order.
    public var source: Int
    /// Index of the cell in the second grid.
    public var target: Int
    /// Cosine of the angle between their descriptors, -1…1.
    public var similarity: Float

    public init(source: Int, target: Int, similarity: Float) {
        self.source = source
        self.target = target
        self.similarity = similarity
    }
}

/// The cells of two grids that are mutual nearest neighbours by the cosine of their descriptors, in
/// the order of the first grid (Amir et al., "Deep ViT Features as Dense Visual Descriptors";
/// dino-vit-features, correspondences.py).
///
/// Of equally similar cells the first is the nearest. The result does not depend on the number of
/// threads.
///
/// - Precondition: both grids have the same number of channels.
/// - Complexity: O(levels * cells * cells * channels) time, where a level is one of the hierarchy or,
///   without binning, the only one. Neither binned descriptors nor the cells x cells similarities
///   are stored: working memory is at most 144 MiB for grids up to some hundreds of cells a side.
public func bestBuddies(
    _ a: DescriptorGrid, _ b: DescriptorGrid, binning: Binning = .logarithmic()
) -> [BestBuddy] {
    let nearest = NearestNeighbours(a, b, binning: binning)
    return nearest.source.enumerated().compactMap { source, best in
        // No nearest neighbour: a descriptor that holds no numbers.
        guard best.index >= 0, nearest.target[Int(best.index)].index == source else { return nil }
        return BestBuddy(source: source, target: Int(best.index), similarity: best.similarity)
    }
}
