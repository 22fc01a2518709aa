import Tensors

/// How the descriptors of several pictures are divided into clusters: by k-means on a sample of
/// them, all others going to the nearest centre.
///
/// The defaults are those of dino-vit-features, cosegmentation.py. How many clusters the elbow rule
/// finds hangs on the points that k-means starts from, so these are drawn as faiss, which the
/// reference clusters with, draws them: points at random, by its generator. The same seed gives the
/// reference's clusters.
public struct DescriptorClustering: Hashable, Sendable, Codable {
    /// Of each picture every so many descriptors are fitted, from the first on
    /// (`sample_interval`). Where that gives fewer than there are clusters to be, all are.
    public var sampleInterval = 100
    /// The most clusters that the elbow rule tries (`n_cluster_range`).
    public var mostClusters = 14
    /// Runs of k-means (`nredo`).
    public var restarts = 10
    /// The most iterations of a run (`niter`).
    public var iterations = 300

    public init() {}

    /// The most points a cluster that are fitted, drawn from the sample at random: faiss's
    /// `max_points_per_centroid`.
    private static let pointsPerCluster = 256

    /// Some rows of a matrix.
    package struct Selection {
        let matrix: Tensor
        let rows: [Int]

        /// - Parameter rows: all where nil.
        package init(_ matrix: Tensor, rows: [Int]? = nil) {
            self.matrix = matrix
            self.rows = rows ?? Array(0..<matrix.shape[0])
        }
    }

    /// Centres and how well they fit.
    package struct Elbow {
        /// `[clusters, channels]`.
        package let centres: Tensor
        /// The mean over all descriptors of the squared distance from the nearest centre, for one
        /// cluster, two and so on.
        package let meanSquaredDistances: [Double]
    }

    /// The elbow rule: one cluster more as long as the mean squared distance over all descriptors
    /// falls below `factor` times what it was. The last number tried stays, as in the reference.
    ///
    /// - Parameter pictures: the descriptors of each picture, with the same number of channels.
    /// - Returns: no centres where there are no descriptors.
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

    /// The centres of clusters, `[clusters, channels]`; fewer where there are fewer descriptors.
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

    /// A clustering in which each cluster has one point, where faiss would start (Clustering.cpp).
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
