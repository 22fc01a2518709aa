import Images
import Platform
import Tensors
import ViT

/// The features of one picture that co-segmentation needs. It keeps the descriptors and the picture at
/// the network's size, but not the results of the whole pass.
public struct SegmentationFeatures: Sendable {
    /// Descriptors of length 1, log-binned if the options require it.
    public let descriptors: DescriptorGrid
    /// The class token, neither normalised nor binned; used to detect outliers.
    public let classToken: Tensor?
    /// Saliency on the descriptors' grid. Only fitting reads it.
    public let saliency: SaliencyMap?
    /// The network's image; masks have its size.
    public let image: Image

    /// Scales descriptors to length 1; zero vectors stay zero.
    ///
    /// - Parameters:
    ///   - descriptors: the descriptors of the patches.
    ///   - classToken: by default that of `descriptors`.
    ///   - saliency: saliency on the descriptors' grid; needed for fitting.
    ///   - image: the network's image.
    /// - Precondition: the saliency map, if any, has the descriptors' grid, and the image the size in
    ///   their geometry.
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
        // Copied, as a slice would keep all tokens of the pass in memory.
        self.classToken = (classToken ?? descriptors.classToken).map {
            Tensor($0.elements, shape: $0.shape)
        }
        self.saliency = saliency
        self.image = image
    }
}

/// How descriptors and saliency are extracted from a picture. The defaults are those of
/// dino-vit-features, cosegmentation.py.
public struct SegmentationTaps: Hashable, Sendable {
    /// Which features to extract.
    public var features: FeatureOptions
    /// Whether descriptors are compared together with their surroundings.
    public var binning = Binning.none
    /// The size at which saliency is computed.
    public var saliency = SaliencyScale.half
    /// The `fingerprint` of the only network allowed; nil: any.
    public var network: String?

    /// The size at which saliency is computed.
    public enum SaliencyScale: String, Hashable, Sendable, Codable {
        /// In a cheap pass of its own on the picture at half the size, with patches 8 pixels apart, or
        /// the patch size if that is smaller (`low_res_saliency_maps`). Without a load size the picture
        /// keeps its size.
        case half
        /// In the same pass as the descriptors.
        case whole
    }

    /// Options with their defaults, except for the features.
    public init(features: FeatureOptions = FeatureOptions()) {
        self.features = features
        // Resolved, because the files of models state the layer.
        self.features.layer = features.layerOrLast
    }

    /// Checks that the network is the one required, has the layer, and that the stride suits its patches.
    ///
    /// - Throws: `networkMismatch`, `noSuchLayer` or `badStride`.
    public func check(_ model: any Backbone) throws(ExtractionError) {
        if let network, network != model.fingerprint {
            throw .networkMismatch(expected: network, found: model.fingerprint)
        }
        try Extractor(model, features).check()
    }

    /// A picture at the sizes that pass through the network.
    public struct Input: Sendable {
        /// The picture for the descriptors.
        public let picture: NetworkImage
        /// The picture for a separate pass for saliency; nil if there is none.
        let saliency: Image?
    }

    /// Resizes a photo for the network.
    ///
    /// - Parameters:
    ///   - photo: the photo at its own size.
    ///   - network: the network's configuration.
    ///   - withSaliency: whether saliency will be extracted; only fitting needs it.
    /// - Throws: `ExtractionError.preprocessing`.
    public func input(
        of photo: Image, for network: VisionTransformer.Configuration, withSaliency: Bool = true
    ) throws(ExtractionError) -> Input {
        let picture: NetworkImage
        do {
            picture = try features.preprocessing.networkImage(of: photo, for: network)
        } catch {
            throw .preprocessing(error)
        }
        guard withSaliency && saliency == .half else {
            return Input(picture: picture, saliency: nil)
        }
        let divisor = features.loadSize == nil ? 1 : 2
        // At least a patch: whether the picture itself has one is checked with its descriptors.
        let small = photo.resized(
            width: max(network.patchSize, picture.image.width / divisor),
            height: max(network.patchSize, picture.image.height / divisor), using: .lanczos)
        return Input(picture: picture, saliency: small)
    }

    /// Extracts the features of a resized picture.
    ///
    /// - Parameters:
    ///   - input: the picture, from `input(of:for:withSaliency:)` with the same `withSaliency`.
    ///   - model: the network.
    ///   - withSaliency: whether to extract saliency; only fitting needs it.
    /// - Throws: `ExtractionError`.
    public func features(
        of input: Input, using model: any Backbone, withSaliency: Bool = true
    ) throws(ExtractionError) -> SegmentationFeatures {
        let extractor = Extractor(model, features)
        if withSaliency && saliency == .whole {
            let whole = try extractor.imageFeatures(of: input.picture)
            return finished(whole.descriptors, whole.saliency, input)
        }
        let descriptors = try extractor.descriptors(of: input.picture)
        guard withSaliency, let small = input.saliency else {
            return finished(descriptors, nil, input)
        }
        let coarse = FeatureOptions(
            stride: PatchStride(min(8, model.configuration.patchSize)), loadSize: nil,
            saliencyHeads: features.saliencyHeads)
        let map = try Extractor(model, coarse).saliency(of: small)
        return finished(descriptors, map.resized(to: descriptors.grid), input)
    }

    /// Resizes a photo and extracts its features.
    ///
    /// - Parameters:
    ///   - photo: the photo at its own size.
    ///   - model: the network.
    ///   - withSaliency: whether to extract saliency; only fitting needs it.
    /// - Throws: `ExtractionError`.
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

extension SegmentationTaps: Codable {
    /// The keys in addition to those of `features`, which are not nested, as in the files of saved models.
    private enum CodingKeys: CodingKey { case binning, saliency, network }

    /// Reads what `encode(to:)` writes.
    public init(from decoder: any Decoder) throws {
        self.init(features: try FeatureOptions(from: decoder))
        let values = try decoder.container(keyedBy: CodingKeys.self)
        binning = try values.decode(Binning.self, forKey: .binning)
        saliency = try values.decode(SaliencyScale.self, forKey: .saliency)
        network = try values.decodeIfPresent(String.self, forKey: .network)
    }

    /// Writes the features' keys and the others side by side.
    public func encode(to encoder: any Encoder) throws {
        try features.encode(to: encoder)
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(binning, forKey: .binning)
        try values.encode(saliency, forKey: .saliency)
        try values.encodeIfPresent(network, forKey: .network)
    }
}

extension SaliencyMap {
    /// The map on another grid, by nearest-neighbour sampling.
    package func resized(to grid: PatchGrid) -> SaliencyMap {
        let shape = values.shape
        let resized = values.elements.gathered(
            rows: nearestSources(length: shape[0], count: grid.rows),
            columns: nearestSources(length: shape[1], count: grid.columns), width: shape[1])
        return SaliencyMap(
            values: Tensor(resized, shape: [grid.rows, grid.columns]), threshold: threshold)
    }
}

extension Array {
    /// The elements of a row-major grid at the given rows and columns.
    func gathered(rows: [Int], columns: [Int], width: Int) -> [Element] {
        rows.flatMap { row in columns.map { self[row * width + $0] } }
    }
}
