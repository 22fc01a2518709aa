import DINO
import Descriptors
import Images
import Tensors
import ViT

/// A network, with what of it describes places and pictures.
package struct NetworkDescriber: Describer {
    package var extractor: Extractor
    package var layer: Int
    package var facet: Facet
    package var binning: Binning
    /// What the network is shown of a picture that is classified.
    package var view: CentreView

    /// - Parameters:
    ///   - layer: counted from 0, or from the end; unless given that of `correspondences`.
    ///   - view: the pictures as they are classified.
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

    /// Where a photo's foreground is, by the last layer's attention; patches side by side.
    package func saliency(of photo: Image) throws -> PixelSaliency {
        var extractor = extractor
        extractor.stride = PatchStride(extractor.model.configuration.patchSize)
        let tap = FeatureTap(layer: -1, facet: .classAttention)
        let (features, geometry) = try extractor.features(
            of: extractor.networkImage(of: photo), at: [tap])
        return PixelSaliency(
            SaliencyMap(features), geometry: geometry)
    }

    /// How its descriptors are divided: as usual, but at this stride and load size.
    package var segmentation: CoSegmentation.Options {
        var options = CoSegmentation.Options()
        options.taps.facet = facet
        options.taps.stride = extractor.stride
        options.taps.loadSize = extractor.preprocessing.loadSize
        return options
    }
}
