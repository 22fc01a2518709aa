import Platform
import Tensors

/// The result of k-means: points divided into clusters, each with the nearest centre.
public struct KMeans: Sendable {
    /// Each point's cluster.
    public let labels: [Int]
    /// The means of the clusters (on the sphere, scaled to length 1), `[clusters, channels]`.
    public let centres: Tensor
    /// The sum of the points' squared distances from their clusters' centres.
    public let objective: Double
    /// The number of iterations of the best run.
    public let iterations: Int

    /// How the centres of clusters are computed.
    public enum Geometry: String, Hashable, Sendable, Codable {
        /// Centres are the means of their points.
        case plain
        /// Centres are the means scaled to length 1, which clusters points of length 1 by angle
        /// (Dhillon and Modha, "Concept decompositions for large sparse text data using
        /// clustering", 2001).
        case sphere
    }
}

/// Clusters points by Lloyd's algorithm from k-means++ seeds (Arthur and Vassilvitskii, "k-means++: The
/// Advantages of Careful Seeding", 2007) and keeps the best of several runs.
///
/// With more than 256 points per cluster, the runs use only that many, drawn randomly (faiss's
/// `max_points_per_centroid`); the best run then continues with all points. The result is a local
/// optimum of all points, found in a fraction of the time.
///
/// A cluster that loses its last point takes the point farthest from its centre, so none is empty.
/// The result depends on the points and the generator, not on the number of threads.
///
/// - Parameters:
///   - points: `[points, channels]`.
///   - clusters: the number of clusters.
///   - restarts: the number of runs; the default of 10 was that of scikit-learn's `KMeans` before version
///     1.4.
///   - iterations: the maximum number of iterations of a run, and again of the best run on all points;
///     the default is scikit-learn's.
///   - tolerance: a run ends when an iteration lowers its objective by at most this fraction, or when no
///     point changes its cluster. The default is scikit-learn's, which applies it to the shift of the
///     centres. Runs on a sample, which only choose the start, use ten times the tolerance.
///   - geometry: how centres are computed; on the sphere points should have length 1.
///   - generator: draws the sample and the seeds.
/// - Precondition: there are at least as many points as clusters, and at least one cluster.
/// - Complexity: O(points * channels * clusters * restarts) per iteration; all runs share one matrix
///   product. Memory in addition to the points: O((points + channels) * clusters * restarts).
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

/// The maximum number of points per cluster in the runs from seeds: faiss's default.
private let pointsPerCluster = 256

/// A uniform random subset of the indices below `total`, ascending.
private func draw(
    _ count: Int, of total: Int, using generator: inout some RandomNumberGenerator
) -> [Int] {
    var indices = Array(0..<total)
    for position in 0..<count {
        indices.swapAt(position, position + generator.nextIndex(below: total - position))
    }
    return indices.prefix(count).sorted()
}

/// The sum of squared distances from the assigned centres, computed from differences, which avoids the
/// cancellation in the search's sums of products.
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
