import Images
import Platform
import Tensors
import ViT

/// What co-segmentation needs of one picture: its memory is the descriptors' and that of a small
/// picture.
public struct SegmentationFeatures: Sendable {
    /// Of length 1, log-binned if the options say so.
    public let descriptors: DescriptorGrid
    /// The class token's vector, neither scaled nor binned; by it outliers are told.
    public let classToken: Tensor?
    /// On the descriptors' grid. Only fitting reads it.
    public let saliency: SaliencyMap?
    /// The picture as the network saw it, at whose pixels masks end.
    public let image: Image

    /// Scales descriptors to length 1; one of zeros stays.
    ///
    /// - Parameter classToken: that of `descriptors` unless given.
    /// - Precondition: the saliency map, if any, fits the descriptors' grid, and the picture their
    ///   geometry.
    public init(
        descriptors: DescriptorGrid, classToken: Tensor? = nil, saliency: SaliencyMap?, image: Image
    ) {
        let geometry = descriptors.geometry
        require(
            (saliency?.values.shape).map { $0 == [geometry.grid.rows, geometry.grid.columns] }
                ?? true && image.width == geometry.imageWidth
                && image.height == geometry.imageHeight,
            "SegmentationFeatures: descriptors \(descriptors.values.shape), saliency "
                + "\(saliency?.values.shape ?? []), picture \(image.width)x\(image.height)")
        self.descriptors = DescriptorGrid(
            values: descriptors.values.normalizedRows(), geometry: geometry)
        // Copied: it is a row of a pass's tokens, all of which it would keep.
        self.classToken = (classToken ?? descriptors.classToken).map {
            Tensor($0.elements, shape: $0.shape)
        }
        self.saliency = saliency
        self.image = image
    }
}

/// How descriptors and saliency are taken of a picture. The defaults are those of dino-vit-features,
/// cosegmentation.py.
public struct SegmentationTaps: Hashable, Sendable, Codable {
    /// The layer of the descriptors, counted from 0, or from the end: at first the last, as in the reference,
    /// whose network has twelve.
    public var layer = -1
    public var facet = Facet.key
    /// The step from patch to patch; nil: `PatchStride.fine(for:)`.
    public var stride: PatchStride?
    /// The shorter side that pictures are resized to, in pixels; nil leaves them as they are.
    public var loadSize: Int? = 224
    public var binning = Binning.none
    public var saliency = SaliencyScale.half
    /// The heads whose attention makes the saliency; nil: `SaliencyMap.defaultHeads`.
    public var saliencyHeads: [Int]?
    /// The `fingerprint` of the only network that is taken; nil: any.
    public var network: String?

    /// The size at which the saliency is computed.
    public enum SaliencyScale: String, Hashable, Sendable, Codable {
        /// The picture at half the size, patches 8 pixels apart, or side by side where they are
        /// smaller: a pass of its own, of little cost (`low_res_saliency_maps`). Without a load size
        /// the picture stays as large as it is.
        case half
        /// From the pass that gives the descriptors.
        case whole
    }

    public init() {}

    /// Throws where the network is another one, has no such layer or the stride does not suit its patches.
    public func check(_ model: any Backbone) throws(ExtractionError) {
        if let network, network != model.fingerprint {
            throw .otherNetwork(expected: network, found: model.fingerprint)
        }
        try Extractor(model, stride: stride ?? .fine(for: model.configuration)).check([
            FeatureTap(layer: layer, facet: facet)
        ])
    }

    /// A picture in the sizes that go through the network.
    public struct Input: Sendable {
        public let picture: NetworkImage
        /// For a pass of its own for the saliency; nil where there is none.
        let saliency: Image?
    }

    /// Brings a photo to its sizes.
    ///
    /// - Parameters:
    ///   - network: that the sizes are for.
    ///   - withSaliency: only fitting needs it.
    public func input(
        of photo: Image, for network: VisionTransformer.Configuration, withSaliency: Bool = true
    ) throws(ExtractionError) -> Input {
        let picture: NetworkImage
        do {
            picture = try Preprocessing(loadSize: loadSize).networkImage(of: photo, for: network)
        } catch {
            throw .preprocessing(error)
        }
        guard withSaliency && saliency == .half else {
            return Input(picture: picture, saliency: nil)
        }
        let divisor = loadSize == nil ? 1 : 2
        let small = photo.resized(
            width: max(1, picture.image.width / divisor),
            height: max(1, picture.image.height / divisor), using: .lanczos)
        return Input(picture: picture, saliency: small)
    }

    /// Puts a picture through a network.
    ///
    /// - Parameter withSaliency: only fitting needs it.
    public func features(
        of input: Input, using model: any Backbone, withSaliency: Bool = true
    ) throws(ExtractionError) -> SegmentationFeatures {
        let extractor = Extractor(
            model, preprocessing: Preprocessing(loadSize: loadSize),
            stride: stride ?? .fine(for: model.configuration))
        if withSaliency && saliency == .whole {
            let features = try extractor.imageFeatures(
                of: input.picture, layer: layer, facet: facet, saliencyHeads: saliencyHeads)
            return finished(features.descriptors, features.saliency, input)
        }
        let tap = FeatureTap(layer: layer, facet: facet)
        let (features, geometry) = try extractor.features(of: input.picture, at: [tap])
        let descriptors = DescriptorGrid(features, tap: tap, geometry: geometry)
        guard withSaliency, let small = input.saliency else {
            return finished(descriptors, nil, input)
        }
        let coarse = try Extractor(
            model, preprocessing: Preprocessing(loadSize: nil),
            stride: PatchStride(min(8, model.configuration.patchSize))
        ).saliency(of: small, heads: saliencyHeads)
        return finished(descriptors, coarse.resized(to: geometry.grid), input)
    }

    /// Brings a photo to its sizes and puts it through a network.
    public func features(
        of photo: Image, using model: any Backbone, withSaliency: Bool = true
    ) throws(ExtractionError) -> SegmentationFeatures {
        try features(
            of: input(of: photo, for: model.configuration, withSaliency: withSaliency),
            using: model, withSaliency: withSaliency)
    }

    private func finished(
        _ descriptors: DescriptorGrid, _ saliency: SaliencyMap?, _ input: Input
    ) -> SegmentationFeatures {
        guard case .logarithmic(let hierarchy) = binning else {
            return SegmentationFeatures(
                descriptors: descriptors, saliency: saliency, image: input.picture.image)
        }
        return SegmentationFeatures(
            descriptors: DescriptorGrid(
                values: descriptors.logBinned(hierarchy: hierarchy),
                geometry: descriptors.geometry),
            classToken: descriptors.classToken, saliency: saliency, image: input.picture.image)
    }
}

extension SaliencyMap {
    /// The map on another grid, each cell with the value under its centre.
    package func resized(to grid: PatchGrid) -> SaliencyMap {
        let shape = values.shape
        let resized = values.elements.gathered(
            rows: centredSources(shape[0], count: grid.rows),
            columns: centredSources(shape[1], count: grid.columns), width: shape[1])
        return SaliencyMap(values: Tensor(resized, shape: [grid.rows, grid.columns]))
    }
}
