import Platform
import Tensors
import ViT

/// Pairs of corresponding points in two photos.
public struct Correspondences: Hashable, Sendable, Codable {
    /// The number of pairs of cells that are mutual nearest neighbours.
    public var bestBuddies: Int
    /// The number of best buddies that are foreground in both images.
    public var salientBuddies: Int
    /// The chosen pairs, the most salient first; fewer than requested if there are fewer salient best
    /// buddies.
    public var pairs: [Pair]

    /// A point in each photo.
    public struct Pair: Hashable, Sendable, Codable {
        /// The point in the first photo.
        public var source: Point
        /// The point in the second photo.
        public var target: Point
        /// Cosine of the angle between the matched descriptors (the binned ones, with binning).
        public var similarity: Float
        /// Mean saliency of both ends, 0…1.
        public var saliency: Float
    }

    /// One end of a pair.
    public struct Point: Hashable, Sendable, Codable {
        /// The matched cell of the descriptor grid.
        public var cell: DescriptorGrid.Cell
        /// The centre of the cell in the original photo.
        public var pixel: DescriptorGrid.Pixel
    }

    /// Options of the search. The defaults are those of dino-vit-features, correspondences.py, except
    /// where a comment names another source.
    public struct Options: Hashable, Sendable, Codable {
        /// Which features are matched.
        public var features: FeatureOptions
        /// Whether descriptors are compared together with their surroundings.
        public var binning = Binning.logarithmic()
        /// A cell is foreground if its saliency is above this.
        public var threshold: Float = 0.05
        /// The maximum number of pairs.
        public var pairs = 10
        /// Runs of k-means: scikit-learn's default when the reference was written.
        public var restarts = 10
        /// The maximum number of iterations per run of k-means: scikit-learn's default.
        public var iterations = 300
        /// Seed of k-means.
        public var seed: UInt64 = 0

        /// Options with their defaults, except for the features.
        public init(features: FeatureOptions = FeatureOptions()) {
            self.features = features
        }

        /// The extractor of the features that are matched; their layer is by default at three quarters
        /// of the depth.
        public func extractor(for model: any Backbone) -> Extractor {
            var features = features
            features.layer = features.layer ?? model.configuration.depth * 3 / 4
            return Extractor(model, features)
        }
    }
}

/// Finds well spread pairs of corresponding points in two images (Amir et al., "Deep ViT Features as
/// Dense Visual Descriptors"; dino-vit-features, correspondences.py).
///
/// Best buddies that are salient at both ends are clustered by k-means on their concatenated
/// descriptors, scaled to length 1, into one cluster per pair requested; each cluster contributes the
/// pair with the highest mean saliency, the first on a tie. At most the `clusteredPairs` most salient
/// ones are clustered; if at least that many pairs are requested, the most salient are taken without
/// clustering.
///
/// Unlike the reference, this always drops a pair whose end in `b` is background: the reference's mask
/// keeps such a pair if another, salient cell of `b` has the same nearest neighbour.
///
/// - Parameters:
///   - a: the first image.
///   - b: the second image.
///   - options: how pairs are compared and chosen; its `features` have no effect here.
/// - Precondition: the descriptors of both have the same number of channels; `options` has at least
///   one pair, restart and iteration.
/// - Complexity: as `bestBuddies(_:_:binning:)`, and O(n * n * bins * channels) for n salient best
///   buddies.
public func correspondences(
    between a: ImageFeatures, and b: ImageFeatures,
    options: Correspondences.Options = Correspondences.Options()
) -> Correspondences {
    require(options.pairs >= 1, "correspondences: \(options.pairs) pairs requested")
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
    // On equal saliency the first in the source comes first.
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

/// The maximum number of pairs that are clustered: their inner products take 64 MiB.
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
