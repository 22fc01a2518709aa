import DINO
import Descriptors
import Images
import Tensors
import ViT

/// Descriptors of places and of whole pictures by a network.
package struct NetworkDescriber: Describer {
    /// Extracts the descriptors of places.
    package let extractor: Extractor
    private let options: FeatureOptions
    package var binning: Binning
    /// The crop of a picture for classification.
    package var view: CentreView

    /// Descriptors by a network.
    ///
    /// - Parameters:
    ///   - model: the network.
    ///   - options: the descriptors of places; their layer is by default that of `correspondences`.
    ///   - binning: how the descriptors of places are compared.
    ///   - view: the crop of a picture for classification.
    package init(
        _ model: any Backbone, _ options: FeatureOptions, binning: Binning = .logarithmic(),
        view: CentreView = CentreView()
    ) {
        extractor = Correspondences.Options(features: options).extractor(for: model)
        self.options = options
        self.binning = binning
        self.view = view
    }

    package func descriptors(of photo: Image) throws -> DescriptorGrid {
        try extractor.descriptors(of: photo)
    }

    package func features(of pictures: LabelledPictures) throws -> (rows: Tensor, labels: [Int]) {
        let features = try PictureFeatures(of: pictures, network: extractor.model, view: view)
        return (features.features, features.labels)
    }

    /// The saliency of a photo by the last layer's attention, with patches that do not overlap.
    package func saliency(of photo: Image) throws -> PixelSaliency {
        var extractor = extractor
        extractor.stride = PatchStride(extractor.model.configuration.patchSize)
        let tap = FeatureTap(layer: -1, facet: .classAttention)
        let (features, geometry) = try extractor.features(
            of: extractor.networkImage(of: photo), at: [tap])
        return PixelSaliency(
            SaliencyMap(features), geometry: geometry)
    }

    /// The default options of co-segmentation, with this facet, stride and load size.
    package var segmentation: CoSegmentation.Options {
        var features = options
        features.layer = nil
        return CoSegmentation.Options(features: features)
    }
}
