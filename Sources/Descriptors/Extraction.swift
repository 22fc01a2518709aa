import Images
import Tensors
import ViT

/// Why a picture cannot be put through a network as asked; the `description` is one sentence.
public enum ExtractionError: Error, Hashable, Sendable {
    /// No patch fits the picture at the size that it has for the network.
    case imageTooSmall(width: Int, height: Int, patchSize: Int)
    case noSuchLayer(layer: Int, depth: Int)
    case noSuchHead(head: Int, heads: Int)
    case badStride(PatchStride, patchSize: Int)
}

extension ExtractionError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .imageTooSmall(let width, let height, let patchSize):
            "a picture of \(width)x\(height) pixels holds no patch of \(patchSize)x\(patchSize)"
        case .noSuchLayer(let layer, let depth):
            "layer \(layer) is not one of the network's \(depth), which are counted from 0"
        case .noSuchHead(let head, let heads):
            "head \(head) is not one of the network's \(heads), which are counted from 0"
        case .badStride(let stride, let patchSize):
            "a stride of \(stride.vertical)x\(stride.horizontal) is not between 1 and the patch size,"
                + " \(patchSize)"
        }
    }
}

/// A network with the way that pictures are put into it.
public struct Extractor: Sendable {
    public var model: VisionTransformer
    public var preprocessing: Preprocessing
    /// The step from patch to patch, in pixels of the picture as the network sees it.
    public var stride: PatchStride

    /// - Parameter stride: the model's patch size unless given: patches side by side.
    public init(
        _ model: VisionTransformer, preprocessing: Preprocessing = Preprocessing(),
        stride: PatchStride? = nil
    ) {
        self.model = model
        self.preprocessing = preprocessing
        self.stride = stride ?? PatchStride(model.configuration.patchSize)
    }

    /// The network's last layer, whose attention makes the saliency.
    public var lastLayer: Int { model.configuration.depth - 1 }

    /// Resizes a picture, runs it through the network once and takes features at all taps, with
    /// what places them on the photo.
    public func features(
        of photo: Image, at taps: [FeatureTap]
    ) throws(ExtractionError) -> (features: Features, geometry: DescriptorGrid.Geometry) {
        let patchSize = model.configuration.patchSize
        for tap in taps where !(0..<model.configuration.depth).contains(tap.layer) {
            throw .noSuchLayer(layer: tap.layer, depth: model.configuration.depth)
        }
        guard (1...patchSize).contains(stride.vertical), (1...patchSize).contains(stride.horizontal)
        else { throw .badStride(stride, patchSize: patchSize) }
        let image = preprocessing.resized(photo)
        guard min(image.width, image.height) >= patchSize else {
            throw .imageTooSmall(width: image.width, height: image.height, patchSize: patchSize)
        }
        let input = preprocessing.tensor(of: image)
        let features = model.features(
            of: input.reshaped(to: Shape([1] + input.shape.dimensions)), at: taps, stride: stride)
        let geometry = DescriptorGrid.Geometry(
            imageWidth: image.width, imageHeight: image.height, patchSize: patchSize,
            stride: stride, photoWidth: photo.width, photoHeight: photo.height)
        return (features, geometry)
    }

    /// The descriptors of a picture.
    ///
    /// - Parameters:
    ///   - layer: counted from 0.
    ///   - facet: query, key, value or token.
    public func descriptors(
        of photo: Image, layer: Int, facet: Facet = .key
    ) throws(ExtractionError) -> DescriptorGrid {
        let tap = FeatureTap(layer: layer, facet: facet)
        let (features, geometry) = try features(of: photo, at: [tap])
        return DescriptorGrid(
            features, tap: tap, heads: model.configuration.heads, geometry: geometry)
    }

    /// How much of the foreground each patch of a picture is.
    ///
    /// - Parameter heads: the heads of the last layer to average; see `SaliencyMap.defaultHeads`.
    public func saliency(
        of photo: Image, heads: [Int]? = nil
    ) throws(ExtractionError) -> SaliencyMap {
        try check(heads)
        let tap = FeatureTap(layer: lastLayer, facet: .classAttention)
        return SaliencyMap(
            try features(of: photo, at: [tap]).features, layer: lastLayer, heads: heads)
    }

    /// Descriptors and saliency of a picture from one pass.
    public func imageFeatures(
        of photo: Image, layer: Int, facet: Facet = .key, saliencyHeads: [Int]? = nil
    ) throws(ExtractionError) -> ImageFeatures {
        try check(saliencyHeads)
        let tap = FeatureTap(layer: layer, facet: facet)
        let (features, geometry) = try features(
            of: photo, at: [tap, FeatureTap(layer: lastLayer, facet: .classAttention)])
        return ImageFeatures(
            descriptors: DescriptorGrid(
                features, tap: tap, heads: model.configuration.heads, geometry: geometry),
            saliency: SaliencyMap(features, layer: lastLayer, heads: saliencyHeads))
    }

    private func check(_ heads: [Int]?) throws(ExtractionError) {
        let count = model.configuration.heads
        for head in heads ?? [] where !(0..<count).contains(head) {
            throw .noSuchHead(head: head, heads: count)
        }
    }
}

/// Finds pairs of points that show the same in two photos: each runs through the network once, for
/// descriptors and saliency; see `correspondences(between:and:options:)` for the rest.
public func correspondences(
    between a: Image, and b: Image, using model: VisionTransformer,
    options: Correspondences.Options = Correspondences.Options()
) throws(ExtractionError) -> Correspondences {
    let extractor = Extractor(
        model, preprocessing: Preprocessing(loadSize: options.loadSize), stride: options.stride)
    func features(of photo: Image) throws(ExtractionError) -> ImageFeatures {
        try extractor.imageFeatures(
            of: photo, layer: options.layer, facet: options.facet,
            saliencyHeads: options.saliencyHeads)
    }
    return correspondences(
        between: try features(of: a), and: try features(of: b), options: options)
}
