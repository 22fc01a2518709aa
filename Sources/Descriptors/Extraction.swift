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
    /// The facet does not describe patches.
    case noDescriptors(Facet)
    /// No heads are given whose attention would be averaged into saliency.
    case noSaliencyHeads
    /// The stride is not between 1 and the patch size.
    case badStride(PatchStride, patchSize: Int)
    /// A model fitted to the features of one network is used with another; both by fingerprint.
    case networkMismatch(expected: String, found: String)
    /// Features are infinite, NaN, or so large that their squares cannot be summed.
    case notFinite(FeatureTap)
    /// The task that extracts has been cancelled.
    case cancelled
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
        case .noDescriptors(let facet):
            "\(facet.rawValue) does not describe patches"
        case .noSaliencyHeads:
            "no heads are given for saliency"
        case .badStride(let stride, let patchSize):
            "a stride of \(stride.vertical)x\(stride.horizontal) is not between 1 and the patch size,"
                + " \(patchSize)"
        case .networkMismatch(let expected, let found):
            "it was fitted to the features of another network (\(expected)), not of this one (\(found))"
        case .notFinite(let tap):
            "the network's features (\(tap.facet.rawValue) of layer \(tap.layer)) are not finite, or"
                + " too large to compare; its weights are damaged"
        case .cancelled:
            "the extraction was cancelled"
        }
    }
}

/// Extracts features of pictures: a network with the options of extraction.
///
/// Within a task that is cancelled every function that runs the network, synchronous or not, throws
/// `ExtractionError.cancelled` before the network's next block.
public struct Extractor: Sendable {
    /// The network.
    public var model: any Backbone
    /// Resizing and normalisation of pictures for the network.
    public var preprocessing: Preprocessing
    /// The step between patches, in pixels of the resized picture.
    public var stride: PatchStride
    /// The features that become descriptors.
    public var tap: FeatureTap
    /// The heads of the last layer whose attention is averaged into saliency; nil:
    /// `SaliencyMap.defaultHeads`.
    public var saliencyHeads: [Int]?
    /// Receives the completed fraction of a pass through the network, from 0 to below 1, before each of its blocks; called
    /// on the thread that extracts.
    public var progress: (@Sendable (_ fraction: Double) -> Void)?

    /// An extractor of a network's features.
    ///
    /// - Parameters:
    ///   - model: the network.
    ///   - options: which features to extract, and how; by default the keys of the last layer at steps of 4 pixels, as
    ///     in extractor.py. To find corresponding points, use the layer at three quarters of the depth, as
    ///     `correspondences` does: it encodes more of where a patch lies.
    public init(_ model: any Backbone, _ options: FeatureOptions = FeatureOptions()) {
        self.model = model
        preprocessing = options.preprocessing
        stride = options.stride ?? .fine(for: model.configuration)
        tap = FeatureTap(layer: options.layerOrLast, facet: options.facet)
        saliencyHeads = options.saliencyHeads
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
        let geometry = try geometry(of: input, at: taps)
        return (try features(ofBatch: [input.image], at: taps), geometry)
    }

    /// The geometry of a picture's grid, once the picture and the taps are known to suit the network.
    func geometry(
        of input: NetworkImage, at taps: [FeatureTap]
    ) throws(ExtractionError) -> DescriptorGrid.Geometry {
        let image = input.image
        try check(taps)
        _ = try grid(width: image.width, height: image.height, stride: stride)
        return DescriptorGrid.Geometry(
            imageWidth: image.width, imageHeight: image.height,
            patchSize: model.configuration.patchSize, stride: stride,
            photoWidth: input.photoWidth, photoHeight: input.photoHeight)
    }

    /// The grid of patches on an image of this size.
    ///
    /// - Throws: `imageTooSmall` or `tooManyPatches`.
    func grid(
        width: Int, height: Int, stride: PatchStride
    ) throws(ExtractionError) -> PatchGrid {
        let patchSize = model.configuration.patchSize
        guard min(width, height) >= patchSize else {
            throw .imageTooSmall(width: width, height: height, patchSize: patchSize)
        }
        let grid = PatchGrid(width: width, height: height, patchSize: patchSize, stride: stride)
        guard grid.count <= Self.maximumPatches else {
            throw .tooManyPatches(count: grid.count, most: Self.maximumPatches)
        }
        return grid
    }

    /// Runs pictures of one size through the network.
    ///
    /// - Parameters:
    ///   - images: pictures whose `geometry(of:at:)` is known to be valid.
    ///   - taps: the features to extract.
    func features(
        ofBatch images: [Image], at taps: [FeatureTap]
    ) throws(ExtractionError) -> Features {
        let inputs = images.map { image in
            let tensor = preprocessing.tensor(of: image, for: model.configuration)
            return tensor.reshaped(to: Shape([1] + tensor.shape.dimensions))
        }
        let features = try features(
            of: inputs.count == 1 ? inputs[0] : .concatenated(inputs), at: taps, stride: stride)
        let excess = Self.greatestFeature.nextUp.bitPattern...0x7fff_ffff
        for tap in taps where features[tap].count(ofMagnitudeBits: excess) > 0 {
            throw .notFinite(tap)
        }
        return features
    }

    /// The pass itself: reports progress, and ends when the task is cancelled.
    func features(
        of images: Tensor, at taps: [FeatureTap], stride: PatchStride?
    ) throws(ExtractionError) -> Features {
        try model.features(of: images, at: taps, stride: stride) {
            (fraction) throws(ExtractionError) in
            if Task.isCancelled { throw .cancelled }
            progress?(fraction)
        }
    }

    /// Extracts descriptors and saliency of a picture in one pass.
    ///
    /// - Parameter input: the resized picture, as from `networkImage(of:)`.
    /// - Throws: `ExtractionError`.
    public func imageFeatures(of input: NetworkImage) throws(ExtractionError) -> ImageFeatures {
        try checkDescriptors()
        try checkHeads()
        let (features, geometry) = try features(of: input, at: [tap, .saliency])
        return ImageFeatures(
            descriptors: DescriptorGrid(features, tap: tap, geometry: geometry),
            saliency: SaliencyMap(features, heads: saliencyHeads))
    }

    /// Extracts descriptors and saliency of a photo at its own size in one pass.
    ///
    /// - Throws: `ExtractionError`.
    public func imageFeatures(of photo: Image) throws(ExtractionError) -> ImageFeatures {
        try imageFeatures(of: networkImage(of: photo))
    }

    /// Extracts the descriptors of a picture.
    ///
    /// - Parameter input: the resized picture, as from `networkImage(of:)`.
    /// - Throws: `ExtractionError`.
    public func descriptors(of input: NetworkImage) throws(ExtractionError) -> DescriptorGrid {
        try checkDescriptors()
        let (features, geometry) = try features(of: input, at: [tap])
        return DescriptorGrid(features, tap: tap, geometry: geometry)
    }

    /// Extracts the descriptors of a photo at its own size.
    ///
    /// - Throws: `ExtractionError`.
    public func descriptors(of photo: Image) throws(ExtractionError) -> DescriptorGrid {
        try descriptors(of: networkImage(of: photo))
    }

    /// Extracts the descriptors of several photos, as for each alone. Photos that have one
    /// size after resizing pass through the network in batches.
    ///
    /// - Parameter photos: the photos at their own sizes.
    /// - Returns: a grid for each photo, in their order.
    /// - Throws: `ExtractionError` about the first photo that cannot be used, before any pass; then as for one photo.
    /// - Complexity: a pass for each photo; memory for all resized photos and all grids.
    public func descriptors(of photos: [Image]) throws(ExtractionError) -> [DescriptorGrid] {
        try checkDescriptors()
        var inputs: [Image] = []
        var geometries: [DescriptorGrid.Geometry] = []
        for photo in photos {
            let input = try networkImage(of: photo)
            geometries.append(try geometry(of: input, at: [tap]))
            inputs.append(input.image)
        }
        var grids: [DescriptorGrid?] = photos.map { _ in nil }
        let sizes = Dictionary(grouping: inputs.indices) { [inputs[$0].width, inputs[$0].height] }
        for (_, places) in sizes.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            let most = TokenLayout(grid: geometries[places[0]].grid).imagesPerBatch
            for start in Swift.stride(from: 0, to: places.count, by: most) {
                let batch = places[start..<min(start + most, places.count)]
                let features = try features(ofBatch: batch.map { inputs[$0] }, at: [tap])
                for (image, place) in batch.enumerated() {
                    grids[place] = DescriptorGrid(
                        features, tap: tap, image: image, geometry: geometries[place])
                }
            }
        }
        return grids.compactMap(\.self)
    }

    /// Extracts the saliency of the patches of a photo at its own size.
    ///
    /// - Throws: `ExtractionError`.
    public func saliency(of photo: Image) throws(ExtractionError) -> SaliencyMap {
        try checkHeads()
        return SaliencyMap(
            try features(of: networkImage(of: photo), at: [.saliency]).features,
            heads: saliencyHeads)
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

    /// This extractor with the layer of `tap` counted from 0.
    ///
    /// - Throws: `noSuchLayer` or `badStride`, as `check(_:)`.
    public func checked() throws(ExtractionError) -> Extractor {
        try check()
        var extractor = self
        extractor.tap.layer = model.configuration.layer(tap.layer) ?? tap.layer
        return extractor
    }

    /// Checks that the network has the taps' layers and that the stride suits its patches.
    ///
    /// - Parameter taps: by default only `tap`.
    /// - Throws: `noSuchLayer` or `badStride`, as `features` would for any picture.
    public func check(_ taps: [FeatureTap]? = nil) throws(ExtractionError) {
        let configuration = model.configuration
        for tap in taps ?? [self.tap] where configuration.layer(tap.layer) == nil {
            throw .noSuchLayer(layer: tap.layer, depth: configuration.depth)
        }
        let steps = 1...configuration.patchSize
        guard steps.contains(stride.vertical), steps.contains(stride.horizontal) else {
            throw .badStride(stride, patchSize: configuration.patchSize)
        }
    }

    private func checkDescriptors() throws(ExtractionError) {
        guard tap.facet.describesPatches else { throw .noDescriptors(tap.facet) }
    }

    private func checkHeads() throws(ExtractionError) {
        let count = model.configuration.heads
        if saliencyHeads?.isEmpty == true { throw .noSaliencyHeads }
        for head in saliencyHeads ?? [] where !(0..<count).contains(head) {
            throw .noSuchHead(head: head, heads: count)
        }
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
    let extractor = options.extractor(for: model)
    return correspondences(
        between: try extractor.imageFeatures(of: a), and: try extractor.imageFeatures(of: b),
        options: options)
}
