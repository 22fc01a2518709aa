import Platform
import Tensors
import ViT

/// Pairs of points of two photos that show the same.
public struct Correspondences: Hashable, Sendable, Codable {
    /// How many pairs of cells are mutual nearest neighbours.
    public var bestBuddies: Int
    /// How many of those are foreground in both images.
    public var salientBuddies: Int
    /// The pairs that were chosen, the most salient first: fewer than asked for where there are no
    /// more salient best buddies, none where there is none.
    public var pairs: [Pair]

    /// A point in each photo.
    public struct Pair: Hashable, Sendable, Codable {
        public var source: Point
        public var target: Point
        /// Cosine of the angle between the descriptors that were matched, binned ones if they were.
        public var similarity: Float
        /// Mean of the saliency of both ends, 0…1.
        public var saliency: Float
    }

    /// One end of a pair.
    public struct Point: Hashable, Sendable, Codable {
        public var cell: DescriptorGrid.Cell
        /// The centre of the cell in the original photo.
        public var pixel: DescriptorGrid.Pixel
    }

    /// How correspondences are found. The defaults are those of dino-vit-features,
    /// correspondences.py, unless said otherwise.
    public struct Options: Hashable, Sendable, Codable {
        /// The layer whose features are matched, counted from 0, or from the end; nil for three quarters of
        /// the way: the reference's 9 of twelve.
        public var layer: Int?
        /// What is matched of it.
        public var facet = Facet.key
        /// The step from patch to patch; nil: `PatchStride.fine(for:)`.
        public var stride: PatchStride?
        /// The shorter side that photos are resized to, in pixels; nil leaves them as they are.
        public var loadSize: Int? = 224
        public var binning = Binning.logarithmic()
        /// The heads whose attention makes the saliency; nil: `SaliencyMap.defaultHeads`.
        public var saliencyHeads: [Int]?
        /// A cell is foreground where its saliency is above this.
        public var threshold: Float = 0.05
        /// The most pairs that are chosen.
        public var pairs = 10
        /// Runs of k-means: the default of scikit-learn when the reference was written.
        public var restarts = 10
        /// The most iterations of a run of k-means: scikit-learn's default.
        public var iterations = 300
        /// Seeds k-means.
        public var seed: UInt64 = 0

        public init() {}
    }
}

/// Finds well spread pairs of points that show the same in two images (Amir et al., "Deep ViT
/// Features as Dense Visual Descriptors"; dino-vit-features, correspondences.py).
///
/// The best buddies whose both ends are salient are divided by k-means into as many clusters as
/// pairs are asked for, by the joined descriptors of both ends, scaled to length 1; each cluster
/// gives the pair with the highest mean saliency, the first of equals. Of more than
/// `clusteredPairs` the most salient that many are clustered; where more pairs than that are asked for,
/// the most salient are taken as they are.
///
/// Unlike in the reference, a pair whose end in `b` is background is always left out: its mask keeps
/// such a pair if another, salient cell of `b` has the same nearest neighbour.
///
/// - Precondition: both have descriptors of the same number of channels; `options` asks for at least
///   one pair, restart and iteration.
/// - Complexity: as `bestBuddies(_:_:binning:)`, and O(n * n * bins * channels) for n salient best
///   buddies.
public func correspondences(
    between a: ImageFeatures, and b: ImageFeatures,
    options: Correspondences.Options = Correspondences.Options()
) -> Correspondences {
    require(options.pairs >= 1, "correspondences: \(options.pairs) pairs asked for")
    let buddies = bestBuddies(a.descriptors, b.descriptors, binning: options.binning)
    let sourceSaliency = a.saliency.values.elements
    let targetSaliency = b.saliency.values.elements
    let salient = buddies.filter {
        sourceSaliency[$0.source] > options.threshold
            && targetSaliency[$0.target] > options.threshold
    }
    func saliency(_ buddy: BestBuddy) -> Float {
        (sourceSaliency[buddy.source] + targetSaliency[buddy.target]) / 2
    }
    // Of equal saliency the first in the source comes first.
    let ranked = salient.sorted { (saliency($0), $1.source) > (saliency($1), $0.source) }
    let chosen = spread(ranked, a.descriptors, b.descriptors, options)
    func point(_ index: Int, in descriptors: DescriptorGrid) -> Correspondences.Point {
        let cell = descriptors.cell(at: index)
        return Correspondences.Point(cell: cell, pixel: descriptors.pixel(of: cell))
    }
    return Correspondences(
        bestBuddies: buddies.count, salientBuddies: salient.count,
        pairs: chosen.map {
            Correspondences.Pair(
                source: point($0.source, in: a.descriptors),
                target: point($0.target, in: b.descriptors), similarity: $0.similarity,
                saliency: saliency($0))
        })
}

/// The most pairs that are clustered: their inner products take 64 MiB.
let clusteredPairs = 4096

/// The first pair of each cluster, in the order of the pairs.
private func spread(
    _ ranked: [BestBuddy], _ a: DescriptorGrid, _ b: DescriptorGrid,
    _ options: Correspondences.Options
) -> [BestBuddy] {
    guard ranked.count > options.pairs, options.pairs < clusteredPairs else {
        return Array(ranked.prefix(options.pairs))
    }
    let candidates = Array(ranked.prefix(clusteredPairs))
    let points = PointSet(
        products: pairProducts(candidates, a, b, binning: options.binning))
    var generator = Xoshiro256(seed: options.seed)
    var search = ClusterSearch(
        points, clusters: options.pairs, runs: options.restarts, using: &generator)
    let labels = search.run(iterations: options.iterations, tolerance: 0).labels
    var seen = Set<Int32>()
    return zip(candidates, labels).compactMap { seen.insert($1).inserted ? $0 : nil }
}

extension VisionTransformer.Configuration {
    /// The layer whose features are matched where none is named.
    package var layerForMatching: Int { depth * 3 / 4 }
}
