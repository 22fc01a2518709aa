import Tensors

/// Clusters the descriptors of several pictures by k-means on a sample; all other descriptors are
/// assigned to the nearest centre.
///
/// The defaults are those of dino-vit-features, cosegmentation.py. How many clusters the elbow rule
/// finds depends on where k-means starts, so the starting points are drawn exactly as faiss, which the
/// reference uses, draws them. The same seed gives the reference's clusters.
public struct DescriptorClustering: Hashable, Sendable, Codable {
    /// K-means fits every N-th descriptor of each picture, from the first on (`sample_interval`), or all
    /// descriptors if the sample is smaller than the number of clusters.
    public var sampleInterval = 100
    /// The maximum number of clusters that the elbow rule tries (`n_cluster_range`).
    public var mostClusters = 14
    /// Runs of k-means (`nredo`).
    public var restarts = 10
    /// The maximum number of iterations per run (`niter`).
    public var iterations = 300

    /// Options with their defaults.
    public init() {}

    /// The maximum number of points fitted per cluster, drawn randomly from the sample: faiss's
    /// `max_points_per_centroid`.
    private static let pointsPerCluster = 256

    /// Some rows of a matrix.
    package struct Selection {
        let matrix: Tensor
        let rows: [Int]

        /// - Parameters:
        ///   - matrix: `[rows, channels]`.
        ///   - rows: indices of the rows; nil: all.
        package init(_ matrix: Tensor, rows: [Int]? = nil) {
            self.matrix = matrix
            self.rows = rows ?? Array(0..<matrix.shape[0])
        }
    }

    /// Centres and how well they fit.
    package struct Elbow {
        /// `[clusters, channels]`.
        package let centres: Tensor
        /// The mean squared distance of all descriptors from their nearest centres, for one cluster, two
        /// and so on.
        package let meanSquaredDistances: [Double]
    }

    /// The elbow rule: adds clusters while each lowers the mean squared distance of all descriptors below
    /// `factor` times its previous value. The last number tried is kept, as in the reference.
    ///
    /// - Parameters:
    ///   - pictures: the descriptors of each picture, with the same number of channels.
    ///   - factor: `elbow` of the reference.
    ///   - seed: seed of k-means.
    /// - Returns: no centres if there are no descriptors.
    package func fit(
        _ pictures: [Selection], elbow factor: Double, seed: UInt64
    ) -> Elbow {
        let total = pictures.reduce(0) { $0 + $1.rows.count }
        var centres = noCentres(pictures)
        var distances: [Double] = []
        for clusters in 1...max(1, min(mostClusters, total)) {
            centres = fit(pictures, clusters: clusters, seed: seed)
            guard centres.shape[0] > 0 else { break }
            let sum = pictures.reduce(0.0) { sum, picture in
                let nearest = NearestCentres(of: picture.matrix, among: centres).squaredDistances
                return picture.rows.reduce(sum) { $0 + Double(nearest[$1]) }
            }
            distances.append(sum / Double(total))
            if clusters > 1, distances[clusters - 1] >= factor * distances[clusters - 2] { break }
        }
        return Elbow(centres: centres, meanSquaredDistances: distances)
    }

    /// The centres of the clusters, `[clusters, channels]`; fewer if there are fewer descriptors.
    package func fit(
        _ pictures: [Selection], clusters: Int, seed: UInt64
    ) -> Tensor {
        var sample = sample(pictures, interval: sampleInterval)
        if sample.shape[0] < clusters { sample = self.sample(pictures, interval: 1) }
        let clusters = min(clusters, sample.shape[0])
        guard clusters > 0 else { return sample }
        let most = Self.pointsPerCluster * clusters
        if sample.shape[0] > most {
            let order = MersenneTwister.permutation(sample.shape[0], seed: seed)
            sample = sample.samples(Array(order.prefix(most)))
        }
        let points = PointSet(sample)
        let starts = (0..<restarts).map {
            start(points.count, clusters: clusters, seed: seed, restart: $0)
        }
        var search = ClusterSearch(points, clusters: clusters, labels: starts, geometry: .plain)
        let best = search.run(iterations: iterations, tolerance: 0)
        return points.means(of: [best.labels], clusters: clusters)
    }

    /// A clustering with one point per cluster: the one from which faiss would start (Clustering.cpp).
    private func start(_ points: Int, clusters: Int, seed: UInt64, restart: Int) -> [Int32] {
        let seed = seed &+ 1 &+ UInt64(restart) &* 15_486_557
        var labels = [Int32](repeating: -1, count: points)
        for (cluster, point) in MersenneTwister.permutation(points, seed: seed)
            .prefix(clusters).enumerated()
        {
            labels[point] = Int32(cluster)
        }
        return labels
    }

    private func sample(_ pictures: [Selection], interval: Int) -> Tensor {
        let samples = pictures.map { picture in
            picture.matrix.samples(
                stride(from: 0, to: picture.rows.count, by: interval).map { picture.rows[$0] })
        }
        return samples.isEmpty ? noCentres(pictures) : .concatenated(samples)
    }

    private func noCentres(_ pictures: [Selection]) -> Tensor {
        Tensor(repeating: 0, shape: [0, pictures.first?.matrix.shape[1] ?? 0])
    }
}
