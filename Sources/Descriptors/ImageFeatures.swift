import Tensors
import ViT

/// What matching needs of one image.
public struct ImageFeatures: Sendable {
    public var descriptors: DescriptorGrid
    public var saliency: SaliencyMap

    /// - Precondition: both have the same rows and columns.
    public init(descriptors: DescriptorGrid, saliency: SaliencyMap) {
        precondition(
            saliency.values.shape == [descriptors.grid.rows, descriptors.grid.columns],
            "ImageFeatures: saliency \(saliency.values.shape) of descriptors "
                + "\(descriptors.values.shape)")
        self.descriptors = descriptors
        self.saliency = saliency
    }
}

extension VisionTransformer {
    /// What matching needs of an image, from one pass through the network: the descriptors of
    /// `options.layer` and the saliency from the last layer.
    ///
    /// - Parameters:
    ///   - image: `[1, 3, height, width]`, resized and normalised.
    ///   - photoWidth: the original photo's width in pixels, for the coordinates of pairs.
    ///   - photoHeight: its height.
    /// - Precondition: the network has the layer, the facet is no attention, and the image holds a
    ///   patch.
    public func imageFeatures(
        of image: Tensor, photoWidth: Int, photoHeight: Int,
        options: Correspondences.Options = Correspondences.Options()
    ) -> ImageFeatures {
        precondition(
            image.shape.rank == 4 && image.shape[0] == 1,
            "imageFeatures: image \(image.shape), not [1, 3, height, width]")
        let tap = FeatureTap(layer: options.layer, facet: options.facet)
        let last = configuration.depth - 1
        let features = features(
            of: image, at: [tap, FeatureTap(layer: last, facet: .classAttention)],
            stride: options.stride)
        let geometry = DescriptorGrid.Geometry(
            imageWidth: image.shape[3], imageHeight: image.shape[2],
            patchSize: configuration.patchSize, stride: options.stride, photoWidth: photoWidth,
            photoHeight: photoHeight)
        return ImageFeatures(
            descriptors: DescriptorGrid(
                features, tap: tap, heads: configuration.heads, geometry: geometry),
            saliency: SaliencyMap(features, layer: last, heads: options.saliencyHeads))
    }
}
