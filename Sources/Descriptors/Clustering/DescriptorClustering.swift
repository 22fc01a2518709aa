import Tensors

/// How the descriptors of several pictures are divided into clusters: by k-means on a sample of
/// them, all others going to the nearest centre.
///
/// The defaults are those of dino-vit-features, cosegmentation.py.
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

    /// Some rows of a matrix.
    struct Selection {
        let matrix: Tensor
        let rows: [Int]

        /// - Parameter rows: all where nil.
        init(_ matrix: Tensor, rows: [Int]? = nil) {
            self.matrix = matrix
            self.rows = rows ?? Array(0..<matrix.shape[0])
        }
    }

    /// Centres and how well they fit.
    struct Elbow {
        /// `[clusters, channels]`.
        let centres: Tensor
        /// The mean over all descriptors of the squared distance from the nearest centre, for one
        /// cluster, two and so on.
        let meanSquaredDistances: [Double]
    }

    /// The elbow rule: one cluster more as long as the mean squared distance over all descriptors
    /// falls below `factor` times what it was. The last number tried stays, as in the reference.
    ///
    /// - Parameter pictures: the descriptors of each picture, with the same number of channels.
    /// - Returns: no centres where there are no descriptors.
    func fit(
        _ pictures: [Selection], elbow factor: Double,
        using generator: inout some RandomNumberGenerator
    ) -> Elbow {
        let total = pictures.reduce(0) { $0 + $1.rows.count }
        var centres = noCentres(pictures)
        var distances: [Double] = []
        for clusters in 1...max(1, min(mostClusters, total)) {
            centres = fit(pictures, clusters: clusters, using: &generator)
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
    func fit(
        _ pictures: [Selection], clusters: Int, using generator: inout some RandomNumberGenerator
    ) -> Tensor {
        var sample = sample(pictures, interval: sampleInterval)
        if sample.shape[0] < clusters { sample = self.sample(pictures, interval: 1) }
        guard sample.shape[0] > 0 else { return sample }
        return kMeans(
            sample, clusters: min(clusters, sample.shape[0]), restarts: restarts,
            iterations: iterations, tolerance: 0, using: &generator
        ).centres
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
