import Tensors

/// The points of k-means, given by coordinates or by inner products: it needs only their inner products
/// with centres, which are means of points.
struct PointSet: Sendable {
    /// The points' coordinates `[count, channels]`, or their inner products `[count, count]`.
    private let matrix: Tensor
    private let holdsProducts: Bool
    let squaredNorms: [Float]

    /// Points given by coordinates.
    ///
    /// - Parameter points: `[count, channels]`.
    init(_ points: Tensor) {
        matrix = points
        holdsProducts = false
        squaredNorms = Descriptors.squaredNorms(points)
    }

    /// Points given by their inner products.
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

    /// The sums of empty clusters, `[centres, matrix columns]`.
    func zeros(_ centres: Int) -> Tensor {
        Tensor(repeating: 0, shape: [centres, matrix.shape[1]])
    }

    /// The means of clusters: for coordinates the mean point, for inner products each point's weight in
    /// the mean.
    ///
    /// - Parameters:
    ///   - labels: for each of several clusterings, each point's cluster, or -1 for none.
    ///   - clusters: the number of clusters of each clustering.
    /// - Returns: `[clusterings * clusters, matrix columns]`; zeros for a cluster without points.
    func means(of labels: [[Int32]], clusters: Int) -> Tensor {
        var sums = zeros(labels.count * clusters)
        for (run, labels) in labels.enumerated() {
            add(PointSet.moves(to: labels, firstCentre: run * clusters), to: &sums)
        }
        return means(sums, counts: labels.flatMap { memberCounts($0, clusters: clusters) })
    }

    /// Divides the sums of clusters by their numbers of points.
    ///
    /// - Parameters:
    ///   - sums: sums made by `add`.
    ///   - counts: the number of points of each cluster.
    func means(_ sums: Tensor, counts: [Int]) -> Tensor {
        let width = matrix.shape[1]
        return sums.withUnsafeElements { sums in
            Tensor(shape: [counts.count, width]) { means in
                for (centre, count) in counts.enumerated() {
                    let weight = 1 / Float(max(count, 1))
                    for index in centre * width..<(centre + 1) * width {
                        means[index] = sums[index] * weight
                    }
                }
            }
        }
    }

    /// The moves of all labelled points into their first cluster.
    static func moves(to labels: [Int32], firstCentre: Int) -> [Move] {
        labels.enumerated().compactMap { point, label in
            label < 0 ? nil : Move(point: point, from: -1, to: firstCentre + Int(label))
        }
    }

    /// A point that moves from one centre, or none (-1), to another.
    struct Move {
        let point: Int
        let from: Int
        let to: Int
    }

    /// Updates sums of points, `[centres, matrix columns]`, for the moves.
    func add(_ moves: [Move], to sums: inout Tensor) {
        let width = matrix.shape[1]
        sums.withUnsafeMutableElements { sums in
            guard let sums = sums.baseAddress else { return }
            guard !holdsProducts else {
                for move in moves {
                    if move.from >= 0 { sums[move.from * width + move.point] = 0 }
                    sums[move.to * width + move.point] = 1
                }
                return
            }
            nonisolated(unsafe) let target = sums
            matrix.withUnsafeElements { points in
                nonisolated(unsafe) let points = points
                // Tasks divide the channels, so that each sum adds the points in their order.
                let strip = 4 * Lanes.scalarCount
                Parallelism.perform(count: (width + strip - 1) / strip) { task in
                    guard let points = points.baseAddress else { return }
                    let channels = (task * strip)..<min(task * strip + strip, width)
                    for move in moves {
                        let point = points + move.point * width
                        if move.from >= 0 {
                            add(point, -1, channels, to: target + move.from * width)
                        }
                        add(point, 1, channels, to: target + move.to * width)
                    }
                }
            }
        }
    }

    /// Adds a range of a point's channels to a sum, or subtracts them, by `sign`.
    private func add(
        _ point: UnsafePointer<Float>, _ sign: Float, _ channels: Range<Int>,
        to sum: UnsafeMutablePointer<Float>
    ) {
        var channel = channels.lowerBound
        while channel + Lanes.scalarCount <= channels.upperBound {
            store(load(sum + channel) + load(point + channel) * sign, to: sum + channel)
            channel += Lanes.scalarCount
        }
        while channel < channels.upperBound {
            sum[channel] += point[channel] * sign
            channel += 1
        }
    }

    /// The inner products of all points with centres: `[count, centres]`.
    func products(with centres: Tensor) -> Tensor { matrix.product(transposed: centres) }
}

/// The number of points of each cluster.
func memberCounts(_ labels: [Int32], clusters: Int) -> [Int] {
    var counts = [Int](repeating: 0, count: clusters)
    for label in labels where label >= 0 { counts[Int(label)] += 1 }
    return counts
}
