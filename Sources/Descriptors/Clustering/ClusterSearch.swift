import Platform
import Tensors

/// Several runs of k-means at once: each iteration multiplies the points with the centres of all
/// unfinished runs, so the points are read once for all of them.
struct ClusterSearch {
    /// One run.
    struct Run {
        /// Each point's cluster.
        fileprivate(set) var labels: [Int32]
        /// The sum of squared distances from the centres that the points were last assigned to.
        fileprivate(set) var objective = Double.infinity
        fileprivate(set) var iterations = 0
        fileprivate var isDone = false
    }

    private let points: PointSet
    private let clusters: Int
    private let geometry: KMeans.Geometry
    private var runs: [Run]
    /// The sums of the clusters' points, `[runs * clusters, columns of the point set]`.
    private var sums: Tensor

    /// Starts runs from k-means++ seeds.
    init(
        _ points: PointSet, clusters: Int, runs: Int, geometry: KMeans.Geometry = .plain,
        using generator: inout some RandomNumberGenerator
    ) {
        require(
            1 <= clusters && clusters <= points.count && runs >= 1,
            "kMeans: \(clusters) clusters of \(points.count) points in \(runs) runs")
        self.points = points
        self.clusters = clusters
        self.geometry = geometry
        self.runs = Array(
            repeating: Run(labels: Array(repeating: -1, count: points.count)), count: runs)
        sums = points.zeros(runs * clusters)
        drawSeeds(using: &generator)
    }

    /// Starts one run from each of the given clusterings.
    init(_ points: PointSet, clusters: Int, labels: [[Int32]], geometry: KMeans.Geometry) {
        self.points = points
        self.clusters = clusters
        self.geometry = geometry
        runs = labels.map { Run(labels: $0) }
        sums = points.zeros(runs.count * clusters)
    }

    /// Completes all runs and returns the one with the least objective, the first on a tie.
    mutating func run(iterations: Int, tolerance: Double) -> Run {
        require(
            iterations >= 1 && tolerance >= 0,
            "kMeans: \(iterations) iterations, tolerance \(tolerance)")
        var moves = runs.enumerated().flatMap { run, state in
            PointSet.moves(to: state.labels, firstCentre: run * clusters)
        }
        while true {
            let active = runs.indices.filter { !runs[$0].isDone }
            guard !active.isEmpty else { break }
            points.add(moves, to: &sums)
            moves = []
            let means = points.means(
                .concatenated(active.map { sums.rows($0 * clusters..<($0 + 1) * clusters) }),
                counts: active.flatMap { memberCounts(runs[$0].labels, clusters: clusters) })
            let products = points.products(with: means)
            for (position, index) in active.enumerated() {
                let before = runs[index]
                assign(&runs[index], products, firstColumn: position * clusters)
                runs[index].iterations += 1
                let changed = runs[index].labels.indices.filter {
                    runs[index].labels[$0] != before.labels[$0]
                }
                runs[index].isDone =
                    runs[index].iterations >= iterations || changed.isEmpty
                    || before.iterations > 0
                        && before.objective - runs[index].objective <= tolerance * before.objective
                if !runs[index].isDone { moves += self.moves(of: index, changed, from: before) }
            }
        }
        return runs.dropFirst().reduce(runs[0]) { $1.objective < $0.objective ? $1 : $0 }
    }

    /// The moves that update a run's sums. If most points change their cluster, the sums are reset and
    /// recomputed, which also limits the accumulation of rounding errors.
    private mutating func moves(
        of run: Int, _ changed: [Int], from before: Run
    ) -> [PointSet.Move] {
        let first = run * clusters
        let labels = runs[run].labels
        guard 2 * changed.count < labels.count else {
            let width = sums.shape[1]
            sums.withUnsafeMutableElements {
                $0[first * width..<(first + clusters) * width].update(repeating: 0)
            }
            return PointSet.moves(to: labels, firstCentre: first)
        }
        return changed.map {
            let from = before.labels[$0]
            return PointSet.Move(
                point: $0, from: from < 0 ? -1 : first + Int(from), to: first + Int(labels[$0]))
        }
    }

    /// Draws k-means++ seeds: the first uniformly, each further one with a probability proportional to
    /// its squared distance from the nearest seed so far.
    private mutating func drawSeeds(using generator: inout some RandomNumberGenerator) {
        var distances = Array(
            repeating: [Float](repeating: .infinity, count: points.count), count: runs.count)
        for seed in 0..<clusters {
            var drawn: [[Int32]] = []
            for run in runs.indices {
                let point =
                    seed == 0
                    ? generator.nextIndex(below: points.count)
                    : draw(by: distances[run], labels: runs[run].labels, using: &generator)
                runs[run].labels[point] = Int32(seed)
                var single = [Int32](repeating: -1, count: points.count)
                single[point] = 0
                drawn.append(single)
            }
            guard seed + 1 < clusters else { return }
            let products = points.products(with: points.means(of: drawn, clusters: 1))
            products.withUnsafeElements { products in
                for run in runs.indices {
                    guard let point = drawn[run].firstIndex(of: 0) else { continue }
                    let norm = points.squaredNorms[point]
                    for index in 0..<points.count {
                        let distance =
                            points.squaredNorms[index] + norm
                            - 2 * products[index * runs.count + run]
                        distances[run][index] = max(0, min(distances[run][index], distance))
                    }
                }
            }
        }
    }

    /// Draws a point that is not a seed yet, with a probability proportional to its distance, or
    /// uniformly if all distances are zero.
    private func draw(
        by distances: [Float], labels: [Int32], using generator: inout some RandomNumberGenerator
    ) -> Int {
        let candidates = labels.indices.filter { labels[$0] < 0 }
        let total = candidates.reduce(0.0) { $0 + Double(distances[$1]) }
        guard total > 0, total.isFinite else {
            return candidates[generator.nextIndex(below: candidates.count)]
        }
        let threshold = generator.nextUniform() * total
        var sum = 0.0
        for point in candidates where distances[point] > 0 {
            sum += Double(distances[point])
            if sum > threshold { return point }
        }
        // Rounding may put the threshold at the total.
        return candidates.last { distances[$0] > 0 } ?? candidates[0]
    }

    /// Assigns each point to the nearest centre, the first on a tie, and fills empty clusters.
    ///
    /// - Parameters:
    ///   - run: the run to update.
    ///   - products: inner products of the points with all runs' centres.
    ///   - firstColumn: the first of this run's centres among the columns of `products`.
    private func assign(_ run: inout Run, _ products: Tensor, firstColumn: Int) {
        let count = points.count
        let columns = products.shape[1]
        var distances = [Float](repeating: 0, count: count)
        products.withUnsafeElements { products in
            // A centre's squared norm equals the mean of its members' products with it.
            var norms = [Double](repeating: 0, count: clusters)
            for (point, label) in run.labels.enumerated() where label >= 0 {
                norms[Int(label)] += Double(products[point * columns + firstColumn + Int(label)])
            }
            let members = memberCounts(run.labels, clusters: clusters)
            let squares = zip(norms, members).map { Float($0 / Double(max($1, 1))) }
            // On the sphere a centre is the mean divided by its length.
            let isSphere = geometry == .sphere
            let centreNorms = isSphere ? squares.map { _ in 1 } : squares
            let factors = squares.map {
                isSphere ? -2 / max($0, 1e-24).squareRoot() : -2
            }
            run.labels.withUnsafeMutableBufferPointer { labels in
                distances.withUnsafeMutableBufferPointer { distances in
                    nonisolated(unsafe) let labels = labels
                    nonisolated(unsafe) let distances = distances
                    nonisolated(unsafe) let products = products
                    let chunk = 512
                    Parallelism.perform(count: (count + chunk - 1) / chunk) { task in
                        for point in (task * chunk)..<min(task * chunk + chunk, count) {
                            var best = Float.infinity
                            var label: Int32 = 0
                            for cluster in 0..<clusters {
                                let score =
                                    centreNorms[cluster] + factors[cluster]
                                    * products[point * columns + firstColumn + cluster]
                                if score < best {
                                    best = score
                                    label = Int32(cluster)
                                }
                            }
                            labels[point] = label
                            distances[point] = max(0, points.squaredNorms[point] + best)
                        }
                    }
                }
            }
        }
        fillEmptyClusters(&run.labels, &distances)
        run.objective = distances.reduce(0) { $0 + Double($1) }
    }

    /// Moves to each empty cluster the point farthest from its centre, the first on a tie, among the
    /// clusters with more than one point.
    private func fillEmptyClusters(_ labels: inout [Int32], _ distances: inout [Float]) {
        var members = memberCounts(labels, clusters: clusters)
        for empty in 0..<clusters where members[empty] == 0 {
            var farthest: Int?
            for point in labels.indices where members[Int(labels[point])] > 1 {
                if distances[point] > farthest.map({ distances[$0] }) ?? -1 { farthest = point }
            }
            guard let farthest else { return }
            members[Int(labels[farthest])] -= 1
            members[empty] = 1
            labels[farthest] = Int32(empty)
            distances[farthest] = 0
        }
    }
}
