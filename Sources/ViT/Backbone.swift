import Tensors

/// A network whose features are put to use, whatever it computes with.
public protocol Backbone: Sendable {
    var configuration: VisionTransformer.Configuration { get }

    /// Runs a batch through the network; see `VisionTransformer.features`.
    func features(of images: Tensor, at taps: [FeatureTap], stride: PatchStride?) -> Features
}

extension Backbone {
    /// The network's own output, `[batch, width]`; see `VisionTransformer.embeddings`.
    public func embeddings(of images: Tensor) -> Tensor {
        let tap = FeatureTap(layer: -1, facet: .embedding)
        return features(of: images, at: [tap], stride: nil)[tap]
    }
}

extension VisionTransformer: Backbone {
    public func features(
        of images: Tensor, at taps: [FeatureTap], stride: PatchStride?
    ) -> Features {
        features(of: images, at: taps, stride: stride, stochasticDepth: nil)
    }
}
