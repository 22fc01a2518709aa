import Descriptors
import Images
import Scores
import Synthesis
import Tensors
import ViT

/// What is found together in pictures of four kinds of creatures: what they have in common, and its
/// parts.
struct Segmentation {
    let creatures: [Creature]
    /// 1 where a creature was found, of each picture.
    let masks: [LabelMap]
    /// The parts that were found, from 1 on; none where only masks were looked for.
    let parts: [LabelMap]

    static let count = 20
    static let kinds = 4
    private static let side = 128

    static func creatures(_ series: Series) -> [Creature] {
        series.unseen(count, size: side, kinds: Array(series.kinds.prefix(kinds)))
    }

    /// What a network's descriptors tell. The same options for every network; they differ from the
    /// reference's, which are for ViT-S/8 and photos of 224 pixels. What was chosen by trial was so on six
    /// other series of as many pictures.
    init(_ creatures: [Creature], by model: VisionTransformer) throws {
        var foreground = CoSegmentation.Options()
        // The last layer's keys tell picture from picture; what is creature and what ground is plainer in
        // the tokens before.
        foreground.taps.layer = model.configuration.depth - 2
        foreground.taps.facet = .token
        foreground.taps.loadSize = Self.side
        // Saliency at half the size would be of few patches.
        foreground.taps.saliency = .whole
        // The reference's every hundredth is of grids three times as large and thousands of cells; coats
        // of all colours ask for as many clusters as there can be.
        foreground.clustering.sampleInterval = 2
        foreground.elbow = 0.99
        // A cluster of some coats is in few pictures, not in three quarters. It counts where these few
        // look at it much: a quarter of their highest saliency or more.
        foreground.threshold = 0.25
        foreground.votePercentage = 10
        var options = PartCoSegmentation.Options()
        options.foreground = foreground
        options.parts = Part.allCases.count - 1
        let features = try creatures.map {
            try foreground.taps.features(of: $0.image, using: model)
        }
        let common = CoSegmentation(fitting: features, options: foreground)
        let divided = PartCoSegmentation(fitting: features, options: options)
        self.creatures = creatures
        func onPicture(_ map: LabelMap) -> LabelMap {
            map.resized(width: Self.side, height: Self.side)
        }
        masks = features.map { onPicture(common.mask(of: $0)) }
        parts = features.map { onPicture(divided.labels(of: $0)) }
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
