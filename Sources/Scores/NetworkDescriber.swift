import DINO
import Descriptors
import Images
import Tensors
import ViT

/// Descriptors of places and of whole pictures by a network.
package struct NetworkDescriber: Describer {
    /// The network with its preprocessing and stride.
    package var extractor: Extractor
    /// The layer of the descriptors of places.
    package var layer: Int
    /// The output of that layer.
    package var facet: Facet
    package var binning: Binning
    /// The crop of a picture for classification.
    package var view: CentreView

    /// Descriptors by the network of an extractor.
    ///
    /// - Parameters:
    ///   - extractor: the network with its preprocessing and stride.
    ///   - layer: counted from 0, or from the end; by default that of `correspondences`.
    ///   - facet: the output of that layer.
    ///   - binning: how the descriptors of places are compared.
    ///   - view: the crop of a picture for classification.
    package init(
        _ extractor: Extractor, layer: Int? = nil, facet: Facet = .key,
        binning: Binning = .logarithmic(), view: CentreView = CentreView()
    ) {
        self.extractor = extractor
        self.layer = layer ?? extractor.model.configuration.layerForMatching
        self.facet = facet
        self.binning = binning
        self.view = view
    }

    package func descriptors(of photo: Image) throws -> DescriptorGrid {
        try extractor.descriptors(of: photo, layer: layer, facet: facet)
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
        var options = CoSegmentation.Options()
        options.taps.facet = facet
        options.taps.stride = extractor.stride
        options.taps.loadSize = extractor.preprocessing.loadSize
        return options
    }
}
