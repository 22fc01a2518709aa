import Descriptors
import Images
import Scores
import Synthesis
import Tensors

/// Segmentations of pictures of four kinds of creatures: the common objects, the object in each picture,
/// and the parts of all objects.
struct Segmentation {
    let creatures: [Creature]
    /// Masks of the common objects, by co-segmentation of all pictures; empty for segmentation by colours.
    let common: [LabelMap]
    /// Masks of the objects, found in each picture separately.
    let masks: [LabelMap]
    /// The parts, numbered from 1; empty for segmentation by colours.
    let parts: [LabelMap]

    static let count = 20
    static let kinds = 4
    private static let side = 128

    static func creatures(_ series: Series) -> [Creature] {
        series.unseen(count, size: side, kinds: Array(series.kinds.prefix(kinds)))
    }

    /// Segments by a network's features. The options are the same for every network; those chosen by trial
    /// were chosen on six other series of the same size.
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
        // The reference clusters every hundredth descriptor, but of grids with thousands of cells. Coats of
        // all colours need the maximum number of clusters.
        options.clustering.sampleInterval = 2
        options.elbow = 0.99
        // A cluster of one coat is in few pictures, not in three quarters. It is foreground if these few
        // vote for it, with a mean saliency above a quarter of the maximum.
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
        // Fewer than the true parts, as more would agree less with these.
        options.parts = 3
        // All cells, as the grids are small.
        options.foreground.clustering.sampleInterval = 1
        // Parts need not end at edges of colours.
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

    /// Segments by colours alone: GrabCut with a margin of 1/32 as background, and without any knowledge of
    /// the creature. On four other series OpenCV's has an overlap of 50% with a margin of 1/32, 48% with
    /// 1/16 and 42% with 1/8.
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

    /// The mean intersection over union of masks, one per picture, with the creatures, times 100.
    func overlap(of masks: [LabelMap]) -> Double {
        let overlaps = zip(creatures, masks).map { $0.overlap(with: $1.labels.map { $0 > 0 }) }
        return 100 * overlaps.reduce(0, +) / Double(overlaps.count)
    }

    /// Agreement of the parts with the true ones on the creatures: the adjusted Rand index, times 100.
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
