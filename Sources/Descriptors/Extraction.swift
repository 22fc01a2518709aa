import Images
import Tensors
import ViT

/// Why a picture cannot be put through a network as asked; the `description` is one sentence.
public enum ExtractionError: Error, Hashable, Sendable {
    /// The picture cannot be brought to the network's size.
    case preprocessing(PreprocessingError)
    /// No patch fits the picture at the size that it has for the network.
    case imageTooSmall(width: Int, height: Int, patchSize: Int)
    /// The picture makes more patches than are taken.
    case tooManyPatches(count: Int, most: Int)
    case noSuchLayer(layer: Int, depth: Int)
    case noSuchHead(head: Int, heads: Int)
    case badStride(PatchStride, patchSize: Int)
    /// What was fitted to the features of one network is asked of another.
    case otherNetwork(expected: String, found: String)
    /// Features are infinite, not a number, or so large that their squares cannot be summed.
    case notFinite(FeatureTap)
}

extension ExtractionError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .preprocessing(let error):
            error.description
        case .imageTooSmall(let width, let height, let patchSize):
            "a picture of \(width)x\(height) pixels holds no patch of \(patchSize)x\(patchSize)"
        case .tooManyPatches(let count, let most):
            "a picture makes \(count) patches at this stride and load size; at most \(most) are taken"
        case .noSuchLayer(let layer, let depth):
            "layer \(layer) is not one of the network's \(depth), which are counted from 0, or from -1"
                + " down"
        case .noSuchHead(let head, let heads):
            "head \(head) is not one of the network's \(heads), which are counted from 0"
        case .badStride(let stride, let patchSize):
            "a stride of \(stride.vertical)x\(stride.horizontal) is not between 1 and the patch size,"
                + " \(patchSize)"
        case .otherNetwork(let expected, let found):
            "it was fitted to the features of another network (\(expected)) than this one (\(found))"
        case .notFinite(let tap):
            "the network's features (\(tap.facet.rawValue) of layer \(tap.layer)) are not finite, or"
                + " too large to compare; its weights are damaged"
        }
    }
}

/// A network with the way that pictures are put into it.
public struct Extractor: Sendable {
    public var model: any Backbone
    public var preprocessing: Preprocessing
    /// The step from patch to patch, in pixels of the picture as the network sees it.
    public var stride: PatchStride

    /// - Parameter stride: the model's patch size unless given: patches side by side.
    public init(
        _ model: any Backbone, preprocessing: Preprocessing = Preprocessing(),
        stride: PatchStride? = nil
    ) {
        self.model = model
        self.preprocessing = preprocessing
        self.stride = stride ?? PatchStride(model.configuration.patchSize)
    }

    /// The most patches of a picture, 170 times those of a square of 224 pixels at stride 4: beyond
    /// that a pass takes gigabytes and, its time growing with the square, days.
    public static let mostPatches = 1 << 19

    /// The greatest magnitude of a feature, far beyond that of any sound network: squares of it,
    /// summed over the channels of a binned descriptor, are still floats.
    static let greatestFeature: Float = 0x1p55

    /// Runs a picture through the network once and takes features at all taps, with what places them
    /// on the photo.
    ///
    /// - Throws: `ExtractionError`, also where features are not finite: weights that are too large
    ///   overflow within the network.
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
        guard geometry.grid.count <= Self.mostPatches else {
            throw .tooManyPatches(count: geometry.grid.count, most: Self.mostPatches)
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

    /// Descriptors and saliency of a picture from one pass.
    ///
    /// - Parameters:
    ///   - layer: the layer of the descriptors, counted from 0, or from the end, -1 being the last.
    ///   - facet: query, key, value, token or the class token's attention.
    ///   - saliencyHeads: the heads of the last layer to average; see `SaliencyMap.defaultHeads`.
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

    /// The descriptors of a photo.
    ///
    /// - Parameters:
    ///   - layer: counted from 0, or from the end, -1 being the last.
    ///   - facet: query, key, value, token or the class token's attention.
    public func descriptors(
        of photo: Image, layer: Int, facet: Facet = .key
    ) throws(ExtractionError) -> DescriptorGrid {
        let tap = FeatureTap(layer: layer, facet: facet)
        let (features, geometry) = try features(of: networkImage(of: photo), at: [tap])
        return DescriptorGrid(features, tap: tap, geometry: geometry)
    }

    /// How much of the foreground each patch of a photo is.
    ///
    /// - Parameter heads: the heads of the last layer to average; see `SaliencyMap.defaultHeads`.
    public func saliency(
        of photo: Image, heads: [Int]? = nil
    ) throws(ExtractionError) -> SaliencyMap {
        try check(heads)
        return SaliencyMap(
            try features(of: networkImage(of: photo), at: [.saliency]).features, heads: heads)
    }

    /// The photo at the network's size.
    public func networkImage(of photo: Image) throws(ExtractionError) -> NetworkImage {
        do {
            return try preprocessing.networkImage(of: photo, for: model.configuration)
        } catch {
            throw .preprocessing(error)
        }
    }

    /// A tap of the network, its layer counted from 0.
    ///
    /// - Parameter layer: counted from 0, or from the end, -1 being the last.
    /// - Throws: where the network has no such layer or the stride does not suit its patches: what
    ///   `features` would throw for any picture.
    public func tap(layer: Int, facet: Facet) throws(ExtractionError) -> FeatureTap {
        try check([FeatureTap(layer: layer, facet: facet)])
        return FeatureTap(layer: model.configuration.layer(layer) ?? layer, facet: facet)
    }

    /// Throws where the network has no such layers or the stride does not suit its patches: what
    /// `features` would throw for any picture.
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
    /// 4 pixels, as dino-vit-features steps for descriptors, or the side of smaller patches.
    public static func fine(for network: VisionTransformer.Configuration) -> PatchStride {
        PatchStride(min(4, network.patchSize))
    }
}

/// Finds pairs of points that show the same in two photos: each runs through the network once, for
/// descriptors and saliency; see `correspondences(between:and:options:)` for the rest.
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
