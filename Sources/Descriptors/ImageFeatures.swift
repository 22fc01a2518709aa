import Platform

/// The features of one image that matching needs.
public struct ImageFeatures: Sendable {
    /// The descriptors of the patches.
    public var descriptors: DescriptorGrid
    /// The saliency of the patches, on the same grid.
    public var saliency: SaliencyMap

    /// Combines descriptors with saliency.
    ///
    /// - Precondition: both have the same rows and columns.
    public init(descriptors: DescriptorGrid, saliency: SaliencyMap) {
        require(
            saliency.values.shape == [descriptors.grid.rows, descriptors.grid.columns],
            "ImageFeatures: saliency \(saliency.values.shape) for descriptors "
                + "\(descriptors.values.shape)")
        self.descriptors = descriptors
        self.saliency = saliency
    }
}
