import Descriptors
import Tensors
import Testing

private struct KMeansCase: Decodable {
    let count: Int
    let channels: Int
    let clusters: Int
    let points: [Float]
    let objective: Double
}

@Suite struct KMeansTests {
    @Test func objectiveMatchesScikitLearn() throws {
        let cases: [KMeansCase] = try fixture("k-means.json")
        for example in cases {
            var generator = Xoshiro256(seed: 1)
            let points = Tensor(example.points, shape: [example.count, example.channels])
            let found = kMeans(
                points, clusters: example.clusters, restarts: 200, tolerance: 0, using: &generator)
            // The best of 200 runs on both sides: the same optimum, except for rounding.
            #expect(abs(found.objective - example.objective) <= 1e-5 * example.objective + 1e-9)
            #expect(Set(found.labels) == Set(0..<example.clusters))
            check(found, points)
        }
    }

    /// Expects centres that are means, their objective, and no point with a nearer centre.
    private func check(_ found: KMeans, _ points: Tensor, within error: Double = 1e-5) {
        let channels = points.shape[1]
        func point(_ index: Int) -> [Double] {
            (0..<channels).map { Double(points[index, $0]) }
        }
        func distance(_ a: [Double], _ b: [Double]) -> Double {
            zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        }
        let centres = (0..<found.centres.shape[0]).map { cluster in
            let members = found.labels.indices.filter { found.labels[$0] == cluster }.map(point)
            let mean = (0..<channels).map { channel in
                members.reduce(0) { $0 + $1[channel] } / Double(members.count)
            }
            for channel in 0..<channels {
                #expect(abs(mean[channel] - Double(found.centres[cluster, channel])) < error)
            }
            return mean
        }
        var objective = 0.0
        for (index, label) in found.labels.enumerated() {
            let distances = centres.map { distance($0, point(index)) }
            objective += distances[label]
            #expect(distances[label] <= (distances.min() ?? 0) + 1e-4)
        }
        #expect(abs(objective - found.objective) <= 1e-5 * objective + 1e-9)
    }

    @Test func coincidingPointsLeaveNoClusterEmpty() {
        let points = Tensor([1, 1, 1, 1, 5, 5, 1, 1] as [Float], shape: [4, 2])
        var generator = SplitMix64(seed: 3)
        let found = kMeans(points, clusters: 3, restarts: 4, tolerance: 0, using: &generator)
        #expect(Set(found.labels).count == 3)
        #expect(found.objective == 0)
    }

    @Test func runStopsAtIterationLimitOrTolerance() {
        // More channels than the lanes of one task.
        let points = Tensor(noise(400 * 37, seed: 8), shape: [400, 37])
        var generator = Xoshiro256(seed: 2)
        let short = kMeans(
            points, clusters: 9, restarts: 1, iterations: 2, tolerance: 0, using: &generator)
        #expect(short.iterations == 2)
        generator = Xoshiro256(seed: 2)
        let loose = kMeans(
            points, clusters: 9, restarts: 1, tolerance: 0.02, using: &generator)
        generator = Xoshiro256(seed: 2)
        let whole = kMeans(
            points, clusters: 9, restarts: 1, tolerance: 0, using: &generator)
        #expect(2 <= loose.iterations && loose.iterations < whole.iterations)
        #expect(whole.iterations < 300)
        #expect(whole.objective <= loose.objective && loose.objective <= short.objective)
        check(whole, points)
    }

    @Test func resultsAreIdenticalForAnyThreadCount() {
        let points = Tensor(noise(1500 * 70, seed: 9), shape: [1500, 70])
        let before = Parallelism.threadCount
        defer { Parallelism.threadCount = before }
        let results = [1, 2, 5].map { threads in
            Parallelism.threadCount = threads
            var generator = Xoshiro256(seed: 4)
            return kMeans(points, clusters: 6, restarts: 3, iterations: 12, using: &generator)
        }
        for result in results {
            #expect(result.labels == results[0].labels)
            #expect(result.centres == results[0].centres)
            #expect(result.objective == results[0].objective)
        }
    }

    /// The runs use only a sample of the points; the clusters are too far apart for any to be missed.
    @Test func largeSetsReachSeparatedCentres() {
        let (count, channels, clusters) = (3000, 20, 5)
        var values = noise(count * channels, seed: 11)
        for point in 0..<count { values[point * channels + point % clusters] += 30 }
        let points = Tensor(values, shape: [count, channels])
        var generator = Xoshiro256(seed: 5)
        let found = kMeans(points, clusters: clusters, restarts: 4, using: &generator)
        for point in 0..<count { #expect(found.labels[point] == found.labels[point % clusters]) }
        // Sums of 600 numbers near 30.
        check(found, points, within: 1e-4)
    }

    /// Each centre is the unit vector along its points' mean, and each point belongs to the centre with the greatest
    /// cosine.
    @Test func sphericalClustersMatchDefinition() {
        let points = Tensor(noise(300 * 9, seed: 12), shape: [300, 9]).normalizedRows()
        var generator = Xoshiro256(seed: 6)
        let found = kMeans(
            points, clusters: 4, tolerance: 0, geometry: .sphere, using: &generator)
        var objective = 0.0
        for cluster in 0..<4 {
            let members = found.labels.indices.filter { found.labels[$0] == cluster }
            let sum = (0..<9).map { channel in
                members.reduce(0.0) { $0 + Double(points[$1, channel]) }
            }
            let length = sum.reduce(0) { $0 + $1 * $1 }.squareRoot()
            for channel in 0..<9 {
                #expect(abs(sum[channel] / length - Double(found.centres[cluster, channel])) < 1e-5)
            }
        }
        for point in 0..<300 {
            let cosines = (0..<4).map { cluster in
                (0..<9).reduce(0.0) {
                    $0 + Double(points[point, $1]) * Double(found.centres[cluster, $1])
                }
            }
            #expect(cosines[found.labels[point]] >= (cosines.max() ?? 1) - 1e-5)
            objective += 2 - 2 * cosines[found.labels[point]]
        }
        #expect(abs(found.objective - objective) < 1e-4 * objective)
    }
}
