import Descriptors
import Images
import Tensors
import ViT

/// Features of small pictures, to fit models to and to apply them.
enum SegmentationSeeds {
    static let taps: SegmentationTaps = {
        var taps = SegmentationTaps()
        taps.layer = 1
        taps.stride = PatchStride(2)
        taps.loadSize = 16
        return taps
    }()

    static func features(_ taps: SegmentationTaps) throws -> [SegmentationFeatures] {
        try (0..<2).map { try taps.features(of: Fixtures.photo($0), using: Fixtures.model) }
    }

    /// The features of a picture to which a model from a file is applied: those that its options ask
    /// for, if they are those of a small picture and can be had, else some that may not fit.
    static func features(asking taps: SegmentationTaps) throws -> SegmentationFeatures {
        let photo = Fixtures.photo(7)
        if (1...64).contains(taps.loadSize ?? 64),
            let features = try? taps.features(of: photo, using: Fixtures.model, withSaliency: false)
        {
            return features
        }
        var sound = Self.taps
        sound.binning = taps.binning
        return try (try? sound.features(of: photo, using: Fixtures.model, withSaliency: false))
            ?? Self.taps.features(of: photo, using: Fixtures.model, withSaliency: false)
    }

    /// Changes a saved model.
    static func restructured(_ bytes: [UInt8], using chance: inout Xoshiro256) -> [UInt8]? {
        guard var file = SafetensorsFile(bytes) else { return nil }
        file.mutate(using: &chance)
        return file.bytes
    }
}
