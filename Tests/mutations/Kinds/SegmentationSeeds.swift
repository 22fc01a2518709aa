import Descriptors
import Images
import Tensors
import ViT

/// Features of small pictures, for fitting and applying models.
enum SegmentationSeeds {
    static let taps = SegmentationTaps(
        features: FeatureOptions(layer: 1, stride: PatchStride(2), loadSize: 16))

    static func features(_ taps: SegmentationTaps) throws -> [SegmentationFeatures] {
        try (0..<2).map { try taps.features(of: Fixtures.photo($0), using: Fixtures.model) }
    }

    /// The features of a picture to which a model is applied: those that its options request, if the picture is small and
    /// they can be computed, otherwise features that may not fit.
    static func features(requestedBy taps: SegmentationTaps) throws -> SegmentationFeatures {
        let photo = Fixtures.photo(7)
        if (1...64).contains(taps.features.loadSize ?? 64),
            let features = try? taps.features(of: photo, using: Fixtures.model, withSaliency: false)
        {
            return features
        }
        var valid = Self.taps
        valid.binning = taps.binning
        return try (try? valid.features(of: photo, using: Fixtures.model, withSaliency: false))
            ?? Self.taps.features(of: photo, using: Fixtures.model, withSaliency: false)
    }
}
