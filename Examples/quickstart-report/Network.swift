import Descriptors
import Images
import Scores
import Synthesis
import Tensors
import ViT

/// A network, with the features that the quickstart measures.
struct Network {
    private let extractor: Extractor

    /// - Parameters:
    ///   - model: the network.
    ///   - loadSize: the side that pictures are resized to, in pixels.
    init(_ model: VisionTransformer, loadSize: Int) {
        // Patches overlap, so that places are finer than a patch.
        extractor = Extractor(
            model, preprocessing: Preprocessing(loadSize: loadSize), stride: PatchStride(4))
    }

    /// The class token's features of pictures of one size, `[pictures, width]`.
    func embeddings(of images: [Image]) -> Tensor {
        let side = images[0].width
        let most = 64
        return .concatenated(
            stride(from: 0, to: images.count, by: most).map { start in
                let inputs = images[start..<min(start + most, images.count)].map {
                    extractor.preprocessing.tensor(of: $0, for: extractor.model.configuration)
                        .reshaped(to: [1, 3, side, side])
                }
                return extractor.model.embeddings(of: .concatenated(inputs))
            })
    }

    /// Transfers keypoints of one creature to the picture of another, by nearest descriptors.
    func carry(
        _ names: [Keypoint], from source: Creature, to target: Creature
    ) throws -> [Keypoint: Point] {
        let from = try descriptors(of: source.image)
        let to = try descriptors(of: target.image)
        let nearest = NearestNeighbours(from, to, binning: .none).source
        var places: [Keypoint: Point] = [:]
        for name in names {
            guard let place = source.keypoints[name]?.place else { continue }
            let cell = from.geometry.cell(nearest: place)
            let found = nearest[cell.row * from.grid.columns + cell.column]
            let pixel = to.pixel(of: to.cell(at: Int(found.index)))
            places[name] = Point(x: pixel.x, y: pixel.y)
        }
        return places
    }

    private func descriptors(of image: Image) throws -> DescriptorGrid {
        try extractor.descriptors(of: image, layer: -1)
    }

    /// The saliency of a picture, by the attention of the last layer but one.
    func saliency(of image: Image) throws -> PixelSaliency {
        let (features, geometry) = try attention(of: extractor.networkImage(of: image))
        return PixelSaliency(
            SaliencyMap(features, layer: attentionLayers[0]), geometry: geometry)
    }

    /// The features for co-segmentation: tokens of the last layer but one, as the last layer's distinguish
    /// pictures rather than objects. The picture keeps its size.
    func features(of image: Image) throws -> SegmentationFeatures {
        var extractor = extractor
        extractor.preprocessing = Preprocessing(loadSize: nil)
        let layer = attentionLayers[0]
        let tokens = FeatureTap(layer: layer, facet: .token)
        let (features, geometry) = try extractor.features(
            of: extractor.networkImage(of: image),
            at: [tokens, FeatureTap(layer: layer, facet: .classAttention)])
        return SegmentationFeatures(
            descriptors: DescriptorGrid(features, tap: tokens, geometry: geometry),
            saliency: SaliencyMap(features, layer: layer), image: image)
    }

    /// The features for parts: the attention of the last two layers' heads to a place and its surroundings,
    /// relative to the object's mean.
    func attentionFeatures(of image: Image, in object: LabelMap) throws -> SegmentationFeatures {
        let input = try extractor.networkImage(of: image)
        let (features, geometry) = try attention(of: input)
        let attention = DescriptorGrid(
            classAttention: features, layers: attentionLayers, geometry: geometry)
        return SegmentationFeatures(
            descriptors: DescriptorGrid(values: attention.logBinned(), geometry: geometry)
                .centred(on: object),
            saliency: nil, image: input.image)
    }

    /// The last layer's attention concentrates on few places; that of the layer before covers more of the
    /// creature.
    private var attentionLayers: [Int] { [-2, -1] }

    private func attention(
        of input: NetworkImage
    ) throws -> (features: Features, geometry: DescriptorGrid.Geometry) {
        try extractor.features(
            of: input, at: attentionLayers.map { FeatureTap(layer: $0, facet: .classAttention) })
    }
}
