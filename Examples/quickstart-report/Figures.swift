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
    var kinds: Double
    /// Percentage of keypoints that the most similar descriptors transfer between kinds to within 0.1 of the
    /// creature's box.
    var keypoints: Double
    /// Intersection over union of the salient foreground and the creature, times 100.
    var saliency: Double
    /// Intersection over union of the salient object, cut out along its edges, and the creature, times 100.
    var object: Double
    /// Agreement of the parts found with the true ones: the adjusted Rand index, times 100.
    var parts: Double
}

/// Measures networks on the same pictures. None was trained on them, except on those of the gallery in which kinds are
/// looked up.
struct Measurement {
    private let gallery: [Creature]
    private let test: CreatureSeries
    private let jointed: CreatureSeries
    private let kinds: [Kind]

    static let galleryCount = 1024
    static let testCount = 240
    static let pairCount = 240
    /// Cut-outs and parts: with a quarter of these, parts would differ by several points from series to series.
    static let jointedCount = 48

    init(_ series: Series) {
        kinds = series.kinds
        gallery = series.training(Self.galleryCount)
        test = CreatureSeries(
            count: Self.testCount, pairCount: Self.pairCount, size: series.size,
            seed: series.seed &+ 1, kinds: series.kinds, setting: series.setting)
        jointed = CreatureSeries(
            count: Self.jointedCount, pairCount: 0, size: Network.side, seed: series.seed &+ 2,
            kinds: Array(series.kinds.prefix(4)), setting: series.setting)
    }

    func figures(of network: Network) throws -> Figures {
        let overlaps = try test.creatures.map { creature in
            creature.overlap(with: try network.saliency(of: creature.image).foreground())
        }
        return Figures(
            kinds: try kindsRecognised(by: network),
            keypoints: try KeypointTransfer(test.keypointPictures, network.describer)
                .score(test.pairs).percentage,
            saliency: 100 * overlaps.reduce(0, +) / Double(overlaps.count),
            object: try overlapOfObjects(by: network),
            parts: try Parts(of: jointed.creatures, by: network).agreement)
    }

    /// The scores of guessing: a random kind, a random place, the whole picture as foreground, and parts by height.
    func guesses() -> Figures {
        var (area, count) = (0.0, 0.0)
        for (_, target) in test.pairs {
            let creature = test.creatures[target]
            let radius = 0.1 * max(creature.box.width, creature.box.height)
            area += .pi * radius * radius / Double(creature.image.width * creature.image.height)
            count += 1
        }
        let shares = test.creatures.map { creature in
            creature.overlap(with: [Bool](repeating: true, count: creature.mask.count))
        }
        return Figures(
            kinds: 100 / Double(kinds.count), keypoints: 100 * area / count,
            saliency: 100 * shares.reduce(0, +) / Double(shares.count),
            object: 100 * shares.reduce(0, +) / Double(shares.count), parts: partsByHeight())
    }

    private func overlapOfObjects(by network: Network) throws -> Double {
        let overlaps = try jointed.creatures.map { creature in
            let mask = SalientObject().mask(
                of: creature.image, saliency: try network.saliency(of: creature.image))
            return creature.overlap(with: mask.labels.map { $0 > 0 })
        }
        return 100 * overlaps.reduce(0, +) / Double(overlaps.count)
    }

    /// The agreement with the true parts of horizontal bands of the true outline, one band per requested part.
    private func partsByHeight() -> Double {
        let bands = Double(Parts.count)
        let labels = jointed.creatures.map { creature in
            creature.mask.indices.map { at in
                let row = Double(at / creature.image.width) + 0.5
                let height = (row - creature.box.y) / creature.box.height
                return UInt8(min(max(height * bands, 0), bands - 1))
            }
        }
        return jointed.creatures.partAgreement(with: labels)
    }

    private func kindsRecognised(by network: Network) throws -> Double {
        func labels(_ creatures: [Creature]) -> [Int] {
            creatures.map { kinds.firstIndex(of: $0.kind) ?? 0 }
        }
        let classifier = KNNClassifier(
            features: try network.embeddings(of: gallery), labels: labels(gallery),
            classCount: kinds.count)
        return classifier.accuracies(
            of: try network.embeddings(of: test.creatures), labels: labels(test.creatures),
            neighbourCounts: [20])[0].top1
    }
}

/// A network with the features that the quickstart shows and measures.
struct Network {
    let model: VisionTransformer
    let describer: NetworkDescriber

    /// The side that pictures are resized to, in pixels.
    static let side = 96
    let options = FeatureOptions(stride: PatchStride(4), loadSize: side)

    init(_ model: VisionTransformer) {
        self.model = model
        describer = NetworkDescriber(model, options)
    }

    func embeddings(of creatures: [Creature]) throws -> Tensor {
        try describer.extractor.embeddings(
            of: creatures.map(\.image), view: CentreView(loadSize: 64, cropSize: 64))
    }

    func saliency(of image: Image) throws -> PixelSaliency {
        try describer.saliency(of: image)
    }
}
