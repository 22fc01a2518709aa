import Tensors

/// Points as k-means sees them: their inner products with centres that are means of points.
struct PointSet: Sendable {
    /// The points' coordinates `[count, channels]`, or their inner products `[count, count]`.
    private let matrix: Tensor
    private let holdsProducts: Bool
    let squaredNorms: [Float]

    /// - Parameter points: `[count, channels]`.
    init(_ points: Tensor) {
        matrix = points
        holdsProducts = false
        squaredNorms = Descriptors.squaredNorms(points)
    }

    /// Points that are known by their inner products alone.
    ///
    /// - Parameter products: `[count, count]`, symmetric.
    init(products: Tensor) {
        matrix = products
        holdsProducts = true
        let count = products.shape[0]
        squaredNorms = products.withUnsafeElements { elements in
            (0..<count).map { elements[$0 * (count + 1)] }
        }
    }

    var count: Int { matrix.shape[0] }

    /// The means of clusters: for coordinates their means; for inner products each point's weight.
    ///
    /// - Parameter labels: for each of several clusterings, each point's cluster, or -1 for none.
    /// - Returns: `[clusterings * clusters, matrix columns]`.
    func centres(of labels: [[Int32]], clusters: Int) -> Tensor {
        let weights = labels.map { labels in
            memberCounts(labels, clusters: clusters).map { 1 / Float(max($0, 1)) }
        }
        var centres = Tensor(
            repeating: 0, shape: [labels.count * clusters, matrix.shape[1]])
        let width = matrix.shape[1]
        centres.withUnsafeMutableElements { centres in
            guard !holdsProducts else {
                for (run, labels) in labels.enumerated() {
                    for (point, label) in labels.enumerated() where label >= 0 {
                        centres[(run * clusters + Int(label)) * width + point] =
                            weights[run][Int(label)]
                    }
                }
                return
            }
            nonisolated(unsafe) let centres = centres
            matrix.withUnsafeElements { points in
                nonisolated(unsafe) let points = points
                // By channels, so that each sum runs over the points in their order.
                let strip = 64
                Parallelism.perform(count: (width + strip - 1) / strip) { task in
                    let channels = (task * strip)..<min(task * strip + strip, width)
                    for point in 0..<count {
                        for run in labels.indices where labels[run][point] >= 0 {
                            let centre = run * clusters + Int(labels[run][point])
                            for channel in channels {
                                centres[centre * width + channel] += points[point * width + channel]
                            }
                        }
                    }
                    for centre in 0..<(labels.count * clusters) {
                        let weight = weights[centre / clusters][centre % clusters]
                        for channel in channels { centres[centre * width + channel] *= weight }
                    }
                }
            }
        }
        return centres
    }

    /// The inner products of all points with centres: `[count, centres]`.
    func products(with centres: Tensor) -> Tensor { matrix.product(transposed: centres) }
}

/// How many points each cluster has.
func memberCounts(_ labels: [Int32], clusters: Int) -> [Int] {
    var counts = [Int](repeating: 0, count: clusters)
    for label in labels where label >= 0 { counts[Int(label)] += 1 }
    return counts
}
