import Images
import Tensors
import ViT

/// Why a frame cannot be segmented; the `description` is one sentence.
public enum VideoError: Error, Hashable, Sendable {
    /// A frame, or the first one's mask, has another size than the first frame.
    case size(width: Int, height: Int, expectedWidth: Int, expectedHeight: Int)
    /// The frame does not go through the network at its size.
    case extraction(ExtractionError)
}

extension VideoError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .size(let width, let height, let expectedWidth, let expectedHeight):
            "\(width)x\(height) pixels, and expected the first frame's"
                + " \(expectedWidth)x\(expectedHeight)"
        case .extraction(let error):
            error.description
        }
    }
}

/// Finds the objects of a video's first frame in the others (facebookresearch/dino,
/// eval_video_segmentation.py): `MaskPropagation` on the network's output tokens.
public struct VideoSegmenter: Sendable {
    /// How frames go into the network, beside how masks are carried on.
    public struct Options: Hashable, Sendable, Codable {
        /// What a frame's shorter side becomes, in pixels; the longer becomes a multiple of 64.
        public var shorterSide = 480
        public var propagation = MaskPropagation.Options()

        public init() {}
    }

    public let options: Options
    /// A frame, in pixels.
    public let width: Int
    public let height: Int
    private let extractor: Extractor
    private let geometry: DescriptorGrid.Geometry
    /// The labels of the first frame's mask, the background's first.
    private let classes: [UInt8]
    private var propagation: MaskPropagation

    /// Takes the features of the first frame.
    ///
    /// - Throws: where frame and mask differ in size, or a frame of this size does not go through
    ///   the network.
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
        var preprocessing = Preprocessing(loadSize: nil)
        if model.configuration.isOfDINO {
            // The script's own: 0.228, where other programs have 0.229.
            preprocessing.normalization = Normalization(
                mean: Normalization.imageNet.mean, standardDeviation: [0.228, 0.224, 0.225])
        }
        extractor = Extractor(model, preprocessing: preprocessing)
        classes = labels.objects
        let (features, geometry) = try Self.features(of: frame, extractor, options)
        self.geometry = geometry
        propagation = MaskPropagation(
            features: features, masks: labels.masks(of: classes, on: geometry),
            options: options.propagation)
    }

    /// The objects of the next frame, in its pixels.
    ///
    /// - Throws: where the frame's size is not the first one's.
    public mutating func labels(of frame: Image) throws(VideoError) -> LabelMap {
        guard frame.width == width, frame.height == height else {
            throw .size(
                width: frame.width, height: frame.height, expectedWidth: width,
                expectedHeight: height)
        }
        let features = try Self.features(of: frame, extractor, options).features
        let masks = propagation.advance(to: features)
        return LabelMap(masks: masks, classes: classes, geometry: geometry)
            .nearest(width: width, height: height)
    }

    /// The patches' output tokens after the last norm, `[rows, columns, width]`.
    private static func features(
        of frame: Image, _ extractor: Extractor, _ options: Options
    ) throws(VideoError) -> (features: Tensor, geometry: DescriptorGrid.Geometry) {
        let size = networkSize(
            width: frame.width, height: frame.height, shorterSide: options.shorterSide)
        let tap = FeatureTap(layer: -1, facet: .normedToken)
        let image = frame.resized(width: size.width, height: size.height, using: .bilinear)
        let tokens: Features
        let geometry: DescriptorGrid.Geometry
        do {
            (tokens, geometry) = try extractor.features(
                of: extractor.networkImage(of: image), at: [tap])
        } catch {
            throw .extraction(error)
        }
        let patches = tokens.patches(at: tap)
        return (
            patches.reshaped(to: [tokens.grid.rows, tokens.grid.columns, patches.shape[1]]),
            geometry
        )
    }

    /// `read_frame`: the shorter side as asked for, the longer in proportion and down to a multiple of
    /// 64 (of a square the width). The script has 480 alone, where no side becomes less than 64.
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
