import Platform

/// What matching needs of one image.
public struct ImageFeatures: Sendable {
    public var descriptors: DescriptorGrid
    public var saliency: SaliencyMap

    /// - Precondition: both have the same rows and columns.
    public init(descriptors: DescriptorGrid, saliency: SaliencyMap) {
        require(
            saliency.values.shape == [descriptors.grid.rows, descriptors.grid.columns],
            "ImageFeatures: saliency \(saliency.values.shape) of descriptors "
                + "\(descriptors.values.shape)")
        self.descriptors = descriptors
        self.saliency = saliency
    }
}
