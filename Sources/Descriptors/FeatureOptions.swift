import Tensors
import ViT

/// Which features of a photo to extract, and how. The defaults are those of dino-vit-features, extractor.py.
public struct FeatureOptions: Hashable, Sendable, Codable {
    /// The layer of the descriptors, counted from 0, or from the end as a negative number; nil: the last,
    /// which is the reference's 11 of twelve, or for `correspondences` the one at three quarters of the
    /// depth, 9 of twelve in correspondences.py.
    public var layer: Int?
    /// The output of the layer; one that describes patches (`Facet.describesPatches`).
    public var facet: Facet
    /// The step between patches; nil: `PatchStride.fine(for:)`.
    public var stride: PatchStride?
    /// The shorter side that photos are resized to, in pixels; nil leaves them as they are. The default is
    /// that of `Preprocessing`.
    public var loadSize: Int?
    /// The heads of the last layer whose attention is averaged into saliency; nil:
    /// `SaliencyMap.defaultHeads`.
    public var saliencyHeads: [Int]?

    /// Options with their defaults, except where values are given.
    public init(
        layer: Int? = nil, facet: Facet = .key, stride: PatchStride? = nil,
        loadSize: Int? = Preprocessing().loadSize, saliencyHeads: [Int]? = nil
    ) {
        self.layer = layer
        self.facet = facet
        self.stride = stride
        self.loadSize = loadSize
        self.saliencyHeads = saliencyHeads
    }

    /// The layer, or the last if none is given.
    var layerOrLast: Int { layer ?? -1 }

    /// Resizing to the load size.
    public var preprocessing: Preprocessing { Preprocessing(loadSize: loadSize) }
}

extension FeatureOptions: Bounded {
    /// The first option out of bounds, as a clause; nil if all are valid.
    public var fault: String? {
        firstFault(
            FeatureTap.layers.fault(layer), stride?.fault, Preprocessing.loadSizes.fault(loadSize),
            SaliencyMap.fault(ofHeads: saliencyHeads),
            facet.describesPatches ? nil : "\(facet.rawValue) does not describe patches")
    }
}

extension PatchStride {
    /// The stride of descriptors: 4 pixels, as in dino-vit-features, or the patch size if that is smaller.
    public static func fine(for network: VisionTransformer.Configuration) -> PatchStride {
        PatchStride(min(4, network.patchSize))
    }
}
