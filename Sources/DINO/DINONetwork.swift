import Platform
import Tensors
import ViT

/// A vision transformer with a projection head (`MultiCropWrapper` of utils.py).
public struct DINONetwork: Sendable, Module {
    public var backbone: VisionTransformer
    public var head: DINOHead

    /// - Precondition: the head takes embeddings of the transformer's width.
    public init(backbone: VisionTransformer, head: DINOHead) {
        require(
            head.inputWidth == backbone.configuration.width,
            "DINONetwork: a head for width \(head.inputWidth) on a network of width"
                + " \(backbone.configuration.width)")
        self.backbone = backbone
        self.head = head
    }

    /// A network with which training starts.
    ///
    /// - Parameter backbone: what to start from; an untrained network unless given.
    public init(
        _ options: DINOOptions, backbone: VisionTransformer? = nil,
        using generator: inout some RandomNumberGenerator
    ) {
        let backbone =
            backbone ?? VisionTransformer(untrained: options.network, using: &generator)
        require(
            backbone.configuration == options.network,
            "DINONetwork: a network of \(backbone.configuration) for \(options.network)")
        self.init(
            backbone: backbone,
            head: DINOHead(
                inputWidth: options.network.width, options: options.head, using: &generator))
    }

    public mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        try backbone.forEachParameter(under: "backbone", body)
        try head.forEachParameter(under: "head", body)
    }
}
