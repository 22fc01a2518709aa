/// Two cells that are each other's nearest neighbours.
public struct BestBuddy: Hashable, Sendable, Codable {
    /// Index of the cell in the first grid, in row-major order.
    public var source: Int
    /// Index of the cell in the second grid.
    public var target: Int
    /// Cosine of the angle between their descriptors, -1…1.
    public var similarity: Float

    /// Pairs cell `source` of the first grid with cell `target` of the second.
    public init(source: Int, target: Int, similarity: Float) {
        self.source = source
        self.target = target
        self.similarity = similarity
    }
}

/// Finds the cells of two grids that are mutual nearest neighbours by the cosine of their descriptors
/// (Amir et al., "Deep ViT Features as Dense Visual Descriptors"; dino-vit-features,
/// correspondences.py).
///
/// The first of equally similar cells is the nearest. The result does not depend on the number of
/// threads.
///
/// - Parameters:
///   - a: the first grid.
///   - b: the second grid.
///   - binning: whether descriptors are compared together with their surroundings.
/// - Returns: the pairs in the order of the first grid.
/// - Precondition: both grids have the same number of channels.
/// - Complexity: O(levels * cells * cells * channels) time; without binning there is one level.
///   Neither binned descriptors nor the cells x cells similarities are stored: working memory is at
///   most 144 MiB for grids up to a few hundred cells a side.
public func bestBuddies(
    _ a: DescriptorGrid, _ b: DescriptorGrid, binning: Binning = .logarithmic()
) -> [BestBuddy] {
    checkComparable(a, b)
    if let buddies = CandidateSearch.bestBuddies(a, b, binning: binning) { return buddies }
    let nearest = NearestNeighbours(a, b, binning: binning)
    return nearest.source.enumerated().compactMap { source, best in
        // A descriptor that contains NaN has no nearest neighbour.
        guard best.index >= 0, nearest.target[Int(best.index)].index == source else { return nil }
        return BestBuddy(source: source, target: Int(best.index), similarity: best.similarity)
    }
}
