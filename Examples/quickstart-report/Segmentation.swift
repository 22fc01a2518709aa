import Descriptors
import Images
import Scores
import Synthesis
import Tensors

/// What is found in pictures of four kinds of creatures: what they have in common, the creature in each,
/// and the parts of all together.
struct Segmentation {
    let creatures: [Creature]
    /// 1 where descriptors of all pictures together tell that a creature is, of each picture; none where only
    /// each by itself was looked at.
    let common: [LabelMap]
    /// 1 where each picture by itself shows a creature.
    let masks: [LabelMap]
    /// The parts that were found, from 1 on; none where only masks were looked for.
    let parts: [LabelMap]

    static let count = 20
    static let kinds = 4
    private static let side = 128

    static func creatures(_ series: Series) -> [Creature] {
        series.unseen(count, size: side, kinds: Array(series.kinds.prefix(kinds)))
    }

    /// What a network tells. The same options for every network; what was chosen by trial was so on six other
    /// series of as many pictures.
    init(_ creatures: [Creature], by network: Network) throws {
        self.creatures = creatures
        common = try Self.common(to: creatures, by: network)
        let object = SalientObject()
        masks = try creatures.map {
            object.mask(of: $0.image, saliency: try network.saliency(of: $0.image))
        }
        parts = try Self.parts(of: creatures, in: masks, by: network)
    }

    private static func common(
        to creatures: [Creature], by network: Network
    ) throws -> [LabelMap] {
        var options = CoSegmentation.Options()
        // The reference's every hundredth is of grids three times as large and thousands of cells; coats
        // of all colours ask for as many clusters as there can be.
        options.clustering.sampleInterval = 2
        options.elbow = 0.99
        // A cluster of some coats is in few pictures, not in three quarters. It counts where these few
        // look at it much: a quarter of their highest saliency or more.
        options.threshold = 0.25
        options.votePercentage = 10
        let features = try creatures.map { try network.features(of: $0.image) }
        let found = CoSegmentation(fitting: features, options: options)
        return features.map { found.mask(of: $0).resized(width: side, height: side) }
    }

    private static func parts(
        of creatures: [Creature], in masks: [LabelMap], by network: Network
    ) throws -> [LabelMap] {
        var options = PartCoSegmentation.Options()
        // Fewer than there are: divided into more, they agree less with the true ones.
        options.parts = 3
        // All cells: the grids are small.
        options.foreground.clustering.sampleInterval = 1
        // Parts need not end where colours do.
        options.refinement = nil
        let features = try zip(creatures, masks).map {
            try network.attentionFeatures(of: $0.image, in: $1)
        }
        let found = PartCoSegmentation(fitting: features, masks: masks, options: options)
        return zip(features, masks).map { features, mask in
            let labels = found.labels(of: features).resized(width: side, height: side)
            return LabelMap(
                width: side, height: side,
                labels: zip(labels.labels, mask.labels).map { $1 == 0 ? 0 : $0 })
        }
    }

    /// What colours alone tell: what GrabCut leaves of the picture within a margin of a 32nd, which is
    /// taken for background. It is told nothing of the creature; on four other series OpenCV's has 50%
    /// of overlap with a 32nd, 48 with a 16th and 42 with an eighth.
    init(byColours creatures: [Creature]) {
        self.creatures = creatures
        common = []
        masks = creatures.map { creature in
            let (width, height) = (creature.image.width, creature.image.height)
            let labels = (0..<width * height).map { at -> GrabCut.Label in
                let (x, y) = (at % width, at / width)
                let isInside =
                    (width / 32..<width - width / 32).contains(x)
                    && (height / 32..<height - height / 32).contains(y)
                return isInside ? .probableForeground : .background
            }
            var generator = Xoshiro256(seed: 0)
            let cut = GrabCut().labels(of: creature.image, from: labels, using: &generator)
            return LabelMap(
                width: width, height: height, labels: cut.map { $0.isForeground ? 1 : 0 })
        }
        parts = []
    }

    /// Per cent of overlap of masks, one of each picture, with the creatures, on average.
    func overlap(of masks: [LabelMap]) -> Double {
        let overlaps = zip(creatures, masks).map { $0.overlap(with: $1.labels.map { $0 > 0 }) }
        return 100 * overlaps.reduce(0, +) / Double(overlaps.count)
    }

    /// How well the parts agree with the true ones on the creatures: the adjusted Rand index, times 100.
    var agreement: Double {
        var pairs = ContingencyTable()
        for (creature, map) in zip(creatures, parts) {
            for (part, label) in zip(creature.mask, map.labels) where part != 0 {
                pairs.add(part, label)
            }
        }
        return parts.isEmpty ? 0 : 100 * pairs.adjustedRandIndex
    }
}
