import Descriptors
import Images
import Scores
import Synthesis
import Tensors

/// What is found in pictures of four kinds of creatures: the creature in each, and the parts of all
/// together.
struct Segmentation {
    let creatures: [Creature]
    /// 1 where a creature was found, of each picture.
    let masks: [LabelMap]
    /// The parts that were found, from 1 on; none where only masks were looked for.
    let parts: [LabelMap]

    static let count = 20
    static let kinds = 4
    private static let side = 128
    /// Fewer than there are: divided into more, the parts agree less with the true ones.
    private static let partCount = 3

    static func creatures(_ series: Series) -> [Creature] {
        series.unseen(count, size: side, kinds: Array(series.kinds.prefix(kinds)))
    }

    /// What a network's attention tells. The same options for every network; what was chosen by trial was
    /// so on six other series of as many pictures.
    init(_ creatures: [Creature], by network: Network) throws {
        self.creatures = creatures
        // Coats of all colours fall into clusters with grounds of theirs: each picture for itself.
        let object = SalientObject()
        let found = try creatures.map {
            object.mask(of: $0.image, saliency: try network.saliency(of: $0.image))
        }
        var options = PartCoSegmentation.Options()
        options.parts = Self.partCount
        // All cells: the grids are small.
        options.foreground.clustering.sampleInterval = 1
        // Parts need not end where colours do.
        options.refinement = nil
        let features = try zip(creatures, found).map {
            try network.attentionFeatures(of: $0.image, in: $1)
        }
        let divided = PartCoSegmentation(fitting: features, masks: found, options: options)
        masks = found
        parts = zip(features, found).map { features, mask in
            let labels = divided.labels(of: features).resized(width: Self.side, height: Self.side)
            return LabelMap(
                width: Self.side, height: Self.side,
                labels: zip(labels.labels, mask.labels).map { $1 == 0 ? 0 : $0 })
        }
    }

    /// What colours alone tell: what GrabCut leaves of the picture within a margin of a 32nd, which is
    /// taken for background. It is told nothing of the creature; on four other series OpenCV's has 50%
    /// of overlap with a 32nd, 48 with a 16th and 42 with an eighth.
    init(byColours creatures: [Creature]) {
        self.creatures = creatures
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

    /// Per cent of overlap of the masks with the creatures, on average.
    var overlap: Double {
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
