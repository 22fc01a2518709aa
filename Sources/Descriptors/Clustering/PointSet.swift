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
        let runs = labels.count
        let count = runs * clusters
        var weights: [Float] = []
        // By point and clustering, the centre that the point belongs to, or -1.
        var owners = [Int](repeating: -1, count: self.count * runs)
        for (run, labels) in labels.enumerated() {
            weights += memberCounts(labels, clusters: clusters).map { 1 / Float(max($0, 1)) }
            for (point, label) in labels.enumerated() where label >= 0 {
                owners[point * runs + run] = run * clusters + Int(label)
            }
        }
        guard holdsProducts else { return means(owners: owners, weights: weights) }
        var centres = Tensor(repeating: 0, shape: [count, self.count])
        centres.withUnsafeMutableElements { centres in
            for (index, owner) in owners.enumerated() where owner >= 0 {
                centres[owner * self.count + index / runs] = weights[owner]
            }
        }
        return centres
    }

    /// The weighted sums of the points that belong to each centre.
    private func means(owners: [Int], weights: [Float]) -> Tensor {
        let width = matrix.shape[1]
        let runs = owners.count / count
        var centres = Tensor(repeating: 0, shape: [weights.count, width])
        centres.withUnsafeMutableElements { centres in
            nonisolated(unsafe) let centres = centres
            matrix.withUnsafeElements { points in
                nonisolated(unsafe) let points = points
                // By channels, so that each sum runs over the points in their order; so few that
                // they stay in registers while a point goes to its centre in every clustering.
                let strip = 4 * Lanes.scalarCount
                Parallelism.perform(count: (width + strip - 1) / strip) { task in
                    guard let points = points.baseAddress, let centres = centres.baseAddress
                    else { return }
                    let channels = (task * strip)..<min(task * strip + strip, width)
                    for point in 0..<count {
                        let members = owners[(point * runs)..<((point + 1) * runs)]
                        add(points + point * width, channels, to: centres, members)
                    }
                    for (centre, weight) in weights.enumerated() {
                        for channel in channels { centres[centre * width + channel] *= weight }
                    }
                }
            }
        }
        return centres
    }

    /// Adds some channels of a point, at most four lanes' worth, to those of several centres.
    private func add(
        _ point: UnsafePointer<Float>, _ channels: Range<Int>,
        to centres: UnsafeMutablePointer<Float>, _ owners: ArraySlice<Int>
    ) {
        let width = matrix.shape[1]
        let (a, b, c, d) = (
            channels.lowerBound, channels.lowerBound + 8, channels.lowerBound + 16,
            channels.lowerBound + 24
        )
        guard channels.count == 4 * Lanes.scalarCount else {
            for owner in owners where owner >= 0 {
                for channel in channels { centres[owner * width + channel] += point[channel] }
            }
            return
        }
        let pieces = (load(point + a), load(point + b), load(point + c), load(point + d))
        for owner in owners where owner >= 0 {
            let centre = centres + owner * width
            store(load(centre + a) + pieces.0, to: centre + a)
            store(load(centre + b) + pieces.1, to: centre + b)
            store(load(centre + c) + pieces.2, to: centre + c)
            store(load(centre + d) + pieces.3, to: centre + d)
        }
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
