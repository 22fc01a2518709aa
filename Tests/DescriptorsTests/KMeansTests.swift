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
    @Test func objectiveIsScikitLearns() throws {
        let cases: [KMeansCase] = try fixture("k-means.json")
        for example in cases {
            var generator = Xoshiro256(seed: 1)
            let points = Tensor(example.points, shape: [example.count, example.channels])
            let found = kMeans(
                points, clusters: example.clusters, restarts: 200, tolerance: 0, using: &generator)
            // The best of 200 runs in either: the same optimum, but for rounding.
            #expect(abs(found.objective - example.objective) <= 1e-5 * example.objective + 1e-9)
            #expect(Set(found.labels) == Set(0..<example.clusters))
            check(found, points)
        }
    }

    /// Centres are means, the objective is theirs and no point has a nearer centre.
    private func check(_ found: KMeans, _ points: Tensor) {
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
                #expect(abs(mean[channel] - Double(found.centres[cluster, channel])) < 1e-5)
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

    @Test func everyClusterHasAPointWherePointsCoincide() {
        let points = Tensor([1, 1, 1, 1, 5, 5, 1, 1] as [Float], shape: [4, 2])
        var generator = SplitMix64(seed: 3)
        let found = kMeans(points, clusters: 3, restarts: 4, tolerance: 0, using: &generator)
        #expect(Set(found.labels).count == 3)
        #expect(found.objective == 0)
    }

    @Test func oneRunStopsAtItsLimit() {
        // More channels than fit the lanes of one task.
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

    @Test func anyNumberOfThreadsGivesTheSameBits() {
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
}
