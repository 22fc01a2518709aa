import Images
import ViT

/// Why a frame cannot be segmented; the `description` is one sentence.
public enum VideoError: Error, Hashable, Sendable {
    /// A frame or the first frame's mask differs in size from the first frame.
    case size(width: Int, height: Int, expectedWidth: Int, expectedHeight: Int)
    /// The network's features of a frame cannot be extracted.
    case extraction(ExtractionError)
}

extension VideoError: CustomStringConvertible {
    /// The reason, as one sentence.
    public var description: String {
        switch self {
        case .size(let width, let height, let expectedWidth, let expectedHeight):
            "\(width)x\(height) pixels; expected the first frame's"
                + " \(expectedWidth)x\(expectedHeight)"
        case .extraction(let error):
            error.description
        }
    }
}

/// Finds the objects of a video's first frame in the others (facebookresearch/dino,
/// eval_video_segmentation.py): `MaskPropagation` on the network's output tokens.
public struct VideoSegmenter: Sendable {
    /// How frames are resized and masks propagated.
    public struct Options: Hashable, Sendable, Codable {
        /// The size in pixels that a frame's shorter side is resized to; the longer side becomes a
        /// multiple of 64.
        public var shorterSide = 480
        /// How masks are propagated.
        public var propagation = MaskPropagation.Options()

        /// Options with their defaults.
        public init() {}
    }

    /// How frames are resized and masks propagated.
    public let options: Options
    /// Width of a frame in pixels.
    public let width: Int
    /// Height of a frame in pixels.
    public let height: Int
    private let extractor: Extractor
    private let geometry: DescriptorGrid.Geometry
    /// The labels of the first frame's mask, the background's first.
    private let classes: [UInt8]
    private var propagation: MaskPropagation

    /// Starts at the first frame.
    ///
    /// - Parameters:
    ///   - model: the network.
    ///   - frame: the first frame.
    ///   - labels: the objects of the first frame, in its pixels; 0 is background.
    ///   - options: how frames are resized and masks propagated.
    /// - Throws: `VideoError` if frame and labels differ in size, or if features of the frame cannot be
    ///   extracted.
    public init(
        _ model: any Backbone, first frame: Image, labels: LabelMap,
        options: Options = Options()
    ) throws(VideoError) {
        self.options = options
        (width, height) = (frame.width, frame.height)
        guard labels.width == width, labels.height == height else {
            throw .size(
                width: labels.width, height: labels.height, expectedWidth: width,
                expectedHeight: height)
        }
        let patch = PatchStride(model.configuration.patchSize)
        var extractor = Extractor(
            model, FeatureOptions(facet: .normedToken, stride: patch, loadSize: nil))
        if model.configuration.isOfDINO && model.configuration.normalization == .imageNet {
            // The reference script uses 0.228 for red, not the usual 0.229.
            extractor.preprocessing.normalization = Normalization(
                mean: Normalization.imageNet.mean, standardDeviation: [0.228, 0.224, 0.225])
        }
        self.extractor = extractor
        classes = labels.objects
        let grid = try Self.descriptors(of: frame, extractor, options)
        geometry = grid.geometry
        propagation = MaskPropagation(
            features: grid.values, masks: labels.masks(of: classes, on: grid.geometry),
            options: options.propagation)
    }

    /// Finds the objects of the next frame, in its pixels.
    ///
    /// - Throws: `VideoError` if the frame differs in size from the first, or if its features cannot be
    ///   extracted.
    public mutating func labels(of frame: Image) throws(VideoError) -> LabelMap {
        guard frame.width == width, frame.height == height else {
            throw .size(
                width: frame.width, height: frame.height, expectedWidth: width,
                expectedHeight: height)
        }
        let grid = try Self.descriptors(of: frame, extractor, options)
        let masks = propagation.advance(to: grid.values)
        return LabelMap(masks: masks, classes: classes, geometry: geometry)
            .nearest(width: width, height: height)
    }

    /// The patches' output tokens after the last norm.
    private static func descriptors(
        of frame: Image, _ extractor: Extractor, _ options: Options
    ) throws(VideoError) -> DescriptorGrid {
        let size = networkSize(
            width: frame.width, height: frame.height, shorterSide: options.shorterSide)
        let pixels = max(Preprocessing.maximumPixelCount, frame.width * frame.height)
        guard size.width <= pixels / size.height else {
            let (width, height, side) = (frame.width, frame.height, options.shorterSide)
            throw .extraction(
                .preprocessing(.tooLong(width: width, height: height, loadSize: side)))
        }
        let image = frame.resized(width: size.width, height: size.height, using: .bilinear)
        do {
            return try extractor.descriptors(of: image)
        } catch {
            throw .extraction(error)
        }
    }

    /// The size of a frame in the network, as in `read_frame`: the longer side (of a square, the width) in
    /// proportion to the shorter, rounded down to a multiple of 64. The minimum of 64 is not in the script,
    /// which always uses 480.
    package static func networkSize(
        width: Int, height: Int, shorterSide: Int
    ) -> (width: Int, height: Int) {
        func longer(_ long: Int, _ short: Int) -> Int {
            max(64, shorterSide * long / short / 64 * 64)
        }
        return height > width
            ? (shorterSide, longer(height, width)) : (longer(width, height), shorterSide)
    }
}
