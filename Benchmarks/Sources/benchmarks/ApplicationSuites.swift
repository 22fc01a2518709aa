import Benchmark
import Cases
import Descriptors
import Images
import Tensors

/// The descriptors of four photos of 55x55 cells in ten clusters, the best of ten runs.
func clustering(_ record: Record) -> BenchmarkSuite {
    let suite = BenchmarkSuite(name: "k-means")
    let points = Lazy { noise([12100, 384]) }
    record.add("10 clusters of 12100x384", to: suite) {
        var generator = Xoshiro256(seed: 1)
        _ = kMeans(points.value, clusters: 10, using: &generator)
    }
    return suite
}

/// Labels of a picture of 224x224 that follow its edges.
func refinement(_ record: Record) -> BenchmarkSuite {
    let suite = BenchmarkSuite(name: "refinement")
    let picture = Lazy { scene(side: 224, shift: 0) }
    let unaries = Lazy { noise([5, 224, 224]) }
    record.add("dense CRF, 5 labels", to: suite) {
        _ = DenseCRF().labels(unaries: unaries.value, image: picture.value)
    }
    record.add("GrabCut", to: suite) {
        var generator = Xoshiro256(seed: 1)
        _ = GrabCut().labels(of: picture.value, from: disc(side: 224), using: &generator)
    }
    return suite
}

/// A disc of uncertain foreground in the middle of certain background.
private func disc(side: Int) -> [GrabCut.Label] {
    (0..<side * side).map { index in
        let x = 2 * (index % side) - side
        let y = 2 * (index / side) - side
        return 4 * (x * x + y * y) < 2 * side * side ? .probableForeground : .background
    }
}
