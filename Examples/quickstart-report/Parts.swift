import Descriptors
import Images
import Scores
import Synthesis
import ViT

/// The parts of creatures, found in all pictures together: each creature is cut out by the network's attention and the
/// edges of colours, and then divided by the network's descriptors.
struct Parts {
    let creatures: [Creature]
    /// The parts at the pictures' size, numbered from 1; 0 outside the objects.
    let maps: [LabelMap]

    /// The number of parts: the true ones that fill several patches, which are body, head and legs.
    static let count = 3
    /// Coarser than for keypoints, so that the surroundings that binned descriptors describe hold more of the creature.
    private static let features = FeatureOptions(stride: PatchStride(6), loadSize: Network.side)

    init(of creatures: [Creature], by network: Network) throws {
        self.creatures = creatures
        let masks = try creatures.map { creature in
            SalientObject().mask(
                of: creature.image, saliency: try network.saliency(of: creature.image))
        }
        var options = PartCoSegmentation.Options(features: Self.features)
        options.foreground.clustering.sampleInterval = 1  // The grids are small.
        options.parts = Self.count
        options.refinement = nil  // The outlines are given, and parts need not end at edges.
        options.foreground.taps.binning = .logarithmic()
        let taps = options.foreground.taps
        let features = try creatures.map {
            try taps.features(of: $0.image, using: network.model, withSaliency: false)
        }
        let found = PartCoSegmentation(fitting: features, masks: masks, options: options)
        maps = zip(features, masks).map { features, mask in
            let parts = found.labels(of: features).resized(width: mask.width, height: mask.height)
            return LabelMap(
                width: mask.width, height: mask.height,
                labels: zip(parts.labels, mask.labels).map { $1 == 0 ? 0 : $0 })
        }
    }

    /// Agreement with the true parts: the adjusted Rand index, times 100.
    var agreement: Double { creatures.partAgreement(with: maps.map(\.labels)) }
}
