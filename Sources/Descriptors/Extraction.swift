import Images
import Tensors
import ViT

/// Why features of a picture cannot be extracted; the `description` is one sentence.
public enum ExtractionError: Error, Hashable, Sendable {
    /// The picture cannot be resized for the network.
    case preprocessing(PreprocessingError)
    /// The resized picture is smaller than a patch.
    case imageTooSmall(width: Int, height: Int, patchSize: Int)
    /// The picture has more patches than `Extractor.maximumPatches`.
    case tooManyPatches(count: Int, most: Int)
    /// The network has `depth` layers and lacks this one.
    case noSuchLayer(layer: Int, depth: Int)
    /// The network has `heads` heads and lacks this one.
    case noSuchHead(head: Int, heads: Int)
    /// The stride is not between 1 and the patch size.
    case badStride(PatchStride, patchSize: Int)
    /// A model fitted to the features of one network is used with another; both by fingerprint.
    case networkMismatch(expected: String, found: String)
    /// Features are infinite, NaN, or so large that their squares cannot be summed.
    case notFinite(FeatureTap)
}

extension ExtractionError: CustomStringConvertible {
    /// The reason, as one sentence.
    public var description: String {
        switch self {
        case .preprocessing(let error):
            error.description
        case .imageTooSmall(let width, let height, let patchSize):
            "a picture of \(width)x\(height) pixels is smaller than a patch of \(patchSize)x\(patchSize)"
        case .tooManyPatches(let count, let most):
            "a picture has \(count) patches at this stride and load size; at most \(most) are allowed"
        case .noSuchLayer(let layer, let depth):
            "layer \(layer) is not one of the network's \(depth), which are counted from 0, or backwards"
                + " from -1"
        case .noSuchHead(let head, let heads):
            "head \(head) is not one of the network's \(heads), which are counted from 0"
        case .badStride(let stride, let patchSize):
            "a stride of \(stride.vertical)x\(stride.horizontal) is not between 1 and the patch size,"
                + " \(patchSize)"
        case .networkMismatch(let expected, let found):
            "it was fitted to the features of another network (\(expected)), not of this one (\(found))"
        case .notFinite(let tap):
            "the network's features (\(tap.facet.rawValue) of layer \(tap.layer)) are not finite, or"
                + " too large to compare; its weights are damaged"
        }
    }
}

/// Extracts features of pictures: a network, its preprocessing and its stride.
public struct Extractor: Sendable {
    /// The network.
    public var model: any Backbone
    /// Resizing and normalisation of pictures for the network.
    public var preprocessing: Preprocessing
    /// The step from patch to patch, in pixels of the resized picture.
    public var stride: PatchStride

    /// An extractor for a network.
    ///
    /// - Parameters:
    ///   - model: the network.
    ///   - preprocessing: resizing and normalisation of pictures.
    ///   - stride: the step from patch to patch in pixels; the model's patch size by default, so that
    ///     patches do not overlap.
    public init(
        _ model: any Backbone, preprocessing: Preprocessing = Preprocessing(),
        stride: PatchStride? = nil
    ) {
        self.model = model
        self.preprocessing = preprocessing
        self.stride = stride ?? PatchStride(model.configuration.patchSize)
    }

    /// The maximum number of patches per picture, 170 times that of a 224 pixel square at stride 4: a
    /// larger pass would take gigabytes and, as its time grows quadratically, days.
    public static let maximumPatches = 1 << 19

    /// The greatest magnitude allowed for a feature, far beyond that of any sound network: the sum of
    /// such squares over the channels of a binned descriptor is still finite in `Float`.
    static let greatestFeature: Float = 0x1p55

    /// Runs a picture through the network once and returns the features at all taps and the geometry
    /// of their grid.
    ///
    /// - Parameters:
    ///   - input: the resized picture, as from `networkImage(of:)`.
    ///   - taps: the features to extract.
    /// - Throws: `ExtractionError`, also if features are not finite: damaged weights may overflow
    ///   within the network.
    public func features(
        of input: NetworkImage, at taps: [FeatureTap]
    ) throws(ExtractionError) -> (features: Features, geometry: DescriptorGrid.Geometry) {
        let image = input.image
        let patchSize = model.configuration.patchSize
        try check(taps)
        guard min(image.width, image.height) >= patchSize else {
            throw .imageTooSmall(width: image.width, height: image.height, patchSize: patchSize)
        }
        let geometry = DescriptorGrid.Geometry(
            imageWidth: image.width, imageHeight: image.height, patchSize: patchSize,
            stride: stride, photoWidth: input.photoWidth, photoHeight: input.photoHeight)
        guard geometry.grid.count <= Self.maximumPatches else {
            throw .tooManyPatches(count: geometry.grid.count, most: Self.maximumPatches)
        }
        let tensor = preprocessing.tensor(of: image, for: model.configuration)
        let features = model.features(
            of: tensor.reshaped(to: Shape([1] + tensor.shape.dimensions)), at: taps, stride: stride)
        let excess = Self.greatestFeature.nextUp.bitPattern...0x7fff_ffff
        for tap in taps where features[tap].count(ofMagnitudeBits: excess) > 0 {
            throw .notFinite(tap)
        }
        return (features, geometry)
    }

    /// Extracts descriptors and saliency of a picture in one pass.
    ///
    /// - Parameters:
    ///   - input: the resized picture, as from `networkImage(of:)`.
    ///   - layer: the layer of the descriptors, counted from 0, or from the end, -1 being the last.
    ///   - facet: query, key, value, token or the class token's attention.
    ///   - saliencyHeads: the heads of the last layer to average; by default `SaliencyMap.defaultHeads`.
    /// - Throws: `ExtractionError`.
    public func imageFeatures(
        of input: NetworkImage, layer: Int, facet: Facet = .key, saliencyHeads: [Int]? = nil
    ) throws(ExtractionError) -> ImageFeatures {
        try check(saliencyHeads)
        let tap = FeatureTap(layer: layer, facet: facet)
        let (features, geometry) = try features(
            of: input, at: [tap, .saliency])
        return ImageFeatures(
            descriptors: DescriptorGrid(features, tap: tap, geometry: geometry),
            saliency: SaliencyMap(features, heads: saliencyHeads))
    }

    /// Extracts the descriptors of a photo.
    ///
    /// - Parameters:
    ///   - photo: the photo at its own size.
    ///   - layer: counted from 0, or from the end, -1 being the last.
    ///   - facet: query, key, value, token or the class token's attention.
    /// - Throws: `ExtractionError`.
    public func descriptors(
        of photo: Image, layer: Int, facet: Facet = .key
    ) throws(ExtractionError) -> DescriptorGrid {
        let tap = FeatureTap(layer: layer, facet: facet)
        let (features, geometry) = try features(of: networkImage(of: photo), at: [tap])
        return DescriptorGrid(features, tap: tap, geometry: geometry)
    }

    /// Extracts the saliency of a photo's patches.
    ///
    /// - Parameters:
    ///   - photo: the photo at its own size.
    ///   - heads: the heads of the last layer to average; by default `SaliencyMap.defaultHeads`.
    /// - Throws: `ExtractionError`.
    public func saliency(
        of photo: Image, heads: [Int]? = nil
    ) throws(ExtractionError) -> SaliencyMap {
        try check(heads)
        return SaliencyMap(
            try features(of: networkImage(of: photo), at: [.saliency]).features, heads: heads)
    }

    /// Resizes a photo for the network.
    ///
    /// - Throws: `ExtractionError.preprocessing`.
    public func networkImage(of photo: Image) throws(ExtractionError) -> NetworkImage {
        do {
            return try preprocessing.networkImage(of: photo, for: model.configuration)
        } catch {
            throw .preprocessing(error)
        }
    }

    /// A tap of the network with its layer counted from 0.
    ///
    /// - Parameters:
    ///   - layer: counted from 0, or from the end, -1 being the last.
    ///   - facet: the output of the layer.
    /// - Throws: `noSuchLayer` or `badStride`, as `features` would for any picture.
    public func tap(layer: Int, facet: Facet) throws(ExtractionError) -> FeatureTap {
        try check([FeatureTap(layer: layer, facet: facet)])
        return FeatureTap(layer: model.configuration.layer(layer) ?? layer, facet: facet)
    }

    /// Checks that the network has the taps' layers and that the stride suits its patches.
    ///
    /// - Throws: `noSuchLayer` or `badStride`, as `features` would for any picture.
    public func check(_ taps: [FeatureTap]) throws(ExtractionError) {
        let configuration = model.configuration
        for tap in taps where configuration.layer(tap.layer) == nil {
            throw .noSuchLayer(layer: tap.layer, depth: configuration.depth)
        }
        let steps = 1...configuration.patchSize
        guard steps.contains(stride.vertical), steps.contains(stride.horizontal) else {
            throw .badStride(stride, patchSize: configuration.patchSize)
        }
    }

    private func check(_ heads: [Int]?) throws(ExtractionError) {
        let count = model.configuration.heads
        for head in heads ?? [] where !(0..<count).contains(head) {
            throw .noSuchHead(head: head, heads: count)
        }
    }
}

extension PatchStride {
    /// The stride of descriptors: 4 pixels, as in dino-vit-features, or the patch size if that is smaller.
    public static func fine(for network: VisionTransformer.Configuration) -> PatchStride {
        PatchStride(min(4, network.patchSize))
    }
}

/// Finds pairs of corresponding points in two photos. Each photo runs through the network once, for
/// descriptors and saliency; see `correspondences(between:and:options:)` for the rest.
///
/// - Parameters:
///   - a: the first photo.
///   - b: the second photo.
///   - model: the network.
///   - options: how features are extracted and pairs chosen.
/// - Throws: `ExtractionError`.
public func correspondences(
    between a: Image, and b: Image, using model: any Backbone,
    options: Correspondences.Options = Correspondences.Options()
) throws(ExtractionError) -> Correspondences {
    let extractor = Extractor(
        model, preprocessing: Preprocessing(loadSize: options.loadSize),
        stride: options.stride ?? .fine(for: model.configuration))
    func features(of photo: Image) throws(ExtractionError) -> ImageFeatures {
        try extractor.imageFeatures(
            of: extractor.networkImage(of: photo),
            layer: options.layer ?? model.configuration.layerForMatching, facet: options.facet,
            saliencyHeads: options.saliencyHeads)
    }
    return correspondences(
        between: try features(of: a), and: try features(of: b), options: options)
}
