import DINO
import Descriptors
import Images
import Scores
import Synthesis
import Tensors
import ViT

/// Scores of a network on pictures of creatures.
struct Figures: Codable {
    /// Percentage of unseen pictures whose kind is predicted by a vote of the 20 nearest training
    /// pictures.
    var nearestNeighbours: Double
    /// Percentage of keypoints that nearest descriptors transfer to within 0.1 of the creature's box.
    var keypoints: Double
    /// Intersection over union of the salient foreground and the creature, times 100.
    var foreground: Double
    /// Intersection over union of the co-segmentation of several kinds and the creatures, times 100.
    var common: Double
    /// Intersection over union of each picture's salient object, cut out along its edges, and the
    /// creature, times 100.
    var object: Double
    /// Agreement of the parts found with the true ones: the adjusted Rand index, times 100.
    var parts: Double
}

/// Measures networks on the same pictures.
struct Measurement {
    let training: [Creature]
    let test: [Creature]
    /// Pairs of pictures of different kinds, as indices into `test`.
    let pairs: [(Int, Int)]
    /// Pictures for the segmentation of objects and parts.
    let jointed: [Creature]
    private let kinds: [Kind]

    init(_ series: Series, testCount: Int, pairCount: Int) {
        training = series.training()
        test = series.unseen(testCount)
        jointed = Segmentation.creatures(series)
        kinds = series.kinds
        var generator = Xoshiro256(seed: series.seed, stream: 1)
        let test = self.test
        var pairs: [(Int, Int)] = []
        while pairs.count < pairCount {
            let pair = (
                generator.nextIndex(below: testCount), generator.nextIndex(below: testCount)
            )
            if kinds.count == 1 || test[pair.0].kind != test[pair.1].kind { pairs.append(pair) }
        }
        self.pairs = pairs
    }

    func figures(of network: Network) throws -> Figures {
        let segmentation = try Segmentation(jointed, by: network)
        return Figures(
            nearestNeighbours: nearestNeighbours(network), keypoints: try keypoints(network),
            foreground: try foreground(network),
            common: segmentation.overlap(of: segmentation.common),
            object: segmentation.overlap(of: segmentation.masks), parts: segmentation.agreement)
    }

    /// The scores of guessing: a random kind, a random place, the whole picture as foreground, objects by
    /// colour alone, and random parts.
    func chance() -> Figures {
        var hits = (0.0, 0.0)
        for (from, to) in pairs {
            let (source, target) = (test[from], test[to])
            let side = target.image.width
            for name in source.sharedKeypoints(with: target) {
                let right = (0..<side * side).filter { at in
                    let place = Point(x: Double(at % side) + 0.5, y: Double(at / side) + 0.5)
                    return target.shows(name, at: place)
                }
                hits.0 += Double(right.count) / Double(side * side)
                hits.1 += 1
            }
        }
        let shares = test.map { creature in
            creature.overlap(with: [Bool](repeating: true, count: creature.mask.count))
        }
        let byColours = Segmentation(byColours: jointed)
        let standingOut = byColours.overlap(of: byColours.masks)
        return Figures(
            nearestNeighbours: 100 / Double(kinds.count), keypoints: 100 * hits.0 / max(hits.1, 1),
            foreground: 100 * shares.reduce(0, +) / Double(shares.count),
            common: standingOut, object: standingOut, parts: 0)
    }

    private func nearestNeighbours(_ network: Network) -> Double {
        func labels(_ creatures: [Creature]) -> [Int] {
            creatures.map { kinds.firstIndex(of: $0.kind) ?? 0 }
        }
        let classifier = KNNClassifier(
            features: network.embeddings(of: training.map(\.image)), labels: labels(training),
            classCount: kinds.count)
        let accuracies = classifier.accuracies(
            of: network.embeddings(of: test.map(\.image)), labels: labels(test),
            neighbourCounts: [20])
        return accuracies[0].top1
    }

    private func keypoints(_ network: Network) throws -> Double {
        var (right, all) = (0, 0)
        for (from, to) in pairs {
            let (source, target) = (test[from], test[to])
            let carried = try network.carry(
                source.sharedKeypoints(with: target), from: source, to: target)
            right += carried.count { target.shows($0.key, at: $0.value) }
            all += carried.count
        }
        return 100 * Double(right) / Double(max(all, 1))
    }

    private func foreground(_ network: Network) throws -> Double {
        let overlaps = try test.map { creature in
            let saliency = try network.saliency(of: creature.image)
            return creature.overlap(with: saliency.foreground())
        }
        return 100 * overlaps.reduce(0, +) / Double(overlaps.count)
    }
}
