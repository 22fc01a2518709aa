import Descriptors
import Images
import Synthesis
import ViT

// Scores of co-segmentation on pictures whose masks are known.

extension MaskedSequences {
    /// Intersection over union of co-segmentation's masks with the true ones, times 100: for each sequence
    /// the mean over its frames, which are segmented together.
    package func coSegmentationOverlap(
        of model: any Backbone, options: CoSegmentation.Options
    ) throws -> [Double] {
        try sequences.map { name, frames in
            let features = try frames.map { frame in
                try options.taps.features(of: image(name, frame), using: model)
            }
            let segmentation = CoSegmentation(fitting: features, options: options)
            let overlaps = try zip(frames, features).map { frame, features in
                let geometry = features.descriptors.geometry
                let mask = segmentation.mask(of: features)
                    .resized(width: geometry.photoWidth, height: geometry.photoHeight)
                return Scores.overlap(mask.labels.map { $0 > 0 }, try self.mask(name, frame))
            }
            return 100 * overlaps.reduce(0, +) / Double(max(overlaps.count, 1))
        }
    }
}

extension CreatureSeries {
    /// Agreement of the parts found in all pictures together with the true ones: the adjusted Rand index,
    /// times 100, over all pixels of the creatures. Pixels labelled as background count as one part.
    package func partAgreement(
        of model: any Backbone, options: PartCoSegmentation.Options
    ) throws -> Double {
        let features = try creatures.map { creature in
            try options.foreground.taps.features(of: creature.image, using: model)
        }
        let segmentation = PartCoSegmentation(fitting: features, options: options)
        return creatures.partAgreement(
            with: zip(creatures, features).map { creature, features in
                segmentation.labels(of: features)
                    .resized(width: creature.image.width, height: creature.image.height).labels
            })
    }
}

extension [Creature] {
    /// Agreement of labels with the true parts: the adjusted Rand index, times 100, over all pixels of the creatures.
    ///
    /// - Parameter labels: for each picture, one label per pixel.
    package func partAgreement(with labels: [[UInt8]]) -> Double {
        var pairs = ContingencyTable()
        for (creature, labels) in zip(self, labels) {
            for (part, label) in zip(creature.mask, labels) where part != 0 {
                pairs.add(part, label)
            }
        }
        return 100 * pairs.adjustedRandIndex
    }
}
