import Platform
import Tensors

/// Points divided into clusters, each point with the nearest of the clusters' centres.
public struct KMeans: Sendable {
    /// Each point's cluster.
    public let labels: [Int]
    /// The means of the clusters, on the sphere scaled to length 1, `[clusters, channels]`.
    public let centres: Tensor
    /// The sum of squared distances of the points from their clusters' centres.
    public let objective: Double
    /// How many times points were assigned in the run that won.
    public let iterations: Int

    /// What the centres of clusters are.
    public enum Geometry: String, Hashable, Sendable, Codable {
        /// The means of their points.
        case plain
        /// Those means scaled to length 1: clusters by the angle between points of length 1
        /// (Dhillon and Modha, "Concept decompositions for large sparse text data using
        /// clustering", 2001).
        case sphere
    }
}

/// Divides points into clusters by Lloyd's algorithm from k-means++ seeds (Arthur and Vassilvitskii,
/// "k-means++: The Advantages of Careful Seeding", 2007), the best of several runs.
///
/// Of many points, more than 256 for each cluster, only that many, drawn at random, go through all
/// runs (faiss's `max_points_per_centroid`); the best then goes on with all points. The result is a
/// local optimum of all points like any other, and was found in a fraction of the time.
///
/// A cluster that loses its last point takes the point farthest from its centre, so none is empty.
/// The result depends on the points and the generator, not on the number of threads.
///
/// - Parameters:
///   - points: `[points, channels]`.
///   - restarts: how many runs, the one with the least objective winning. 10: the default of
///     scikit-learn's `KMeans` before version 1.4.
///   - iterations: the most times that points are assigned in a run, and again when the best
///     goes on with all points. 300: scikit-learn's default.
///   - tolerance: a run ends when an iteration lowers its objective by no more than this fraction,
///     scikit-learn's default (of a shift of the centres, there); in any case when no point changes
///     its cluster. The runs with some of the points, which only say where to start, end at ten
///     times that.
///   - geometry: on the sphere points are meant to have length 1.
/// - Precondition: there are at least as many points as clusters, and at least one of each.
/// - Complexity: O(points * channels * clusters * restarts) an iteration; all runs share one matrix
///   product. Memory beside the points: O((points + channels) * clusters * restarts).
public func kMeans(
    _ points: Tensor, clusters: Int, restarts: Int = 10, iterations: Int = 300,
    tolerance: Double = 1e-4, geometry: KMeans.Geometry = .plain,
    using generator: inout some RandomNumberGenerator
) -> KMeans {
    require(points.shape.rank == 2, "kMeans: points \(points.shape)")
    let set = PointSet(points)
    func centres(of set: PointSet, _ labels: [Int32]) -> Tensor {
        let means = set.means(of: [labels], clusters: clusters)
        return geometry == .sphere ? means.normalizedRows() : means
    }
    var search: ClusterSearch
    if restarts > 1 && set.count > pointsPerCluster * clusters {
        let drawn = draw(pointsPerCluster * clusters, of: set.count, using: &generator)
        let sample = PointSet(points.samples(drawn))
        search = ClusterSearch(
            sample, clusters: clusters, runs: restarts, geometry: geometry, using: &generator)
        let best = search.run(iterations: iterations, tolerance: 10 * tolerance)
        let labels = NearestCentres(of: points, among: centres(of: sample, best.labels)).labels
        search = ClusterSearch(
            set, clusters: clusters, labels: [labels.map { Int32($0) }], geometry: geometry)
    } else {
        search = ClusterSearch(
            set, clusters: clusters, runs: restarts, geometry: geometry, using: &generator)
    }
    let best = search.run(iterations: iterations, tolerance: tolerance)
    let found = centres(of: set, best.labels)
    return KMeans(
        labels: best.labels.map(Int.init), centres: found,
        objective: squaredDistances(points, from: found, labels: best.labels),
        iterations: best.iterations)
}

/// The most points a cluster that go through all runs: faiss's default.
private let pointsPerCluster = 256

/// Some of the indices below `total`, each as likely, in ascending order.
private func draw(
    _ count: Int, of total: Int, using generator: inout some RandomNumberGenerator
) -> [Int] {
    var indices = Array(0..<total)
    for position in 0..<count {
        indices.swapAt(position, position + generator.nextIndex(below: total - position))
    }
    return indices.prefix(count).sorted()
}

/// The sum of squared distances from the assigned centres, from differences: exact where the
/// search's sums of products cancel.
private func squaredDistances(_ points: Tensor, from centres: Tensor, labels: [Int32]) -> Double {
    let channels = points.shape[1]
    return points.withUnsafeElements { points in
        centres.withUnsafeElements { centres in
            var sum = 0.0
            for (point, label) in labels.enumerated() {
                for channel in 0..<channels {
                    let difference =
                        points[point * channels + channel]
                        - centres[Int(label) * channels + channel]
                    sum += Double(difference) * Double(difference)
                }
            }
            return sum
        }
    }
}
