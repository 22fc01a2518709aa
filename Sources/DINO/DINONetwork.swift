import Platform
import Tensors
import ViT

/// A vision transformer with the heads that its training needs (`MultiCropWrapper` of utils.py).
public struct DINONetwork: Sendable, Module {
    /// The vision transformer.
    public var backbone: VisionTransformer
    /// The projection head; nil if no objective uses prototypes.
    public var head: DINOHead?
    /// A separate projection head for masked patches; nil if they share the class token's or are not used.
    public var patchHead: DINOHead?
    /// The maps to a feature teacher's outputs; nil without distillation.
    public var distillation: DistillationHeads?

    /// Creates a network from its parts.
    ///
    /// - Precondition: the heads take embeddings of the transformer's width.
    public init(
        backbone: VisionTransformer, head: DINOHead?, patchHead: DINOHead? = nil,
        distillation: DistillationHeads? = nil
    ) {
        let width = backbone.configuration.width
        let widths =
            [head, patchHead].compactMap { $0?.inputWidth }
            + (distillation.map { ($0.patches + [$0.classToken]).map { $0.weight.shape[1] } } ?? [])
        require(
            widths.allSatisfy { $0 == width },
            "DINONetwork: heads for widths \(widths) on a network of width \(width)")
        self.backbone = backbone
        self.head = head
        self.patchHead = patchHead
        self.distillation = distillation
    }

    /// Creates the network at the start of training.
    ///
    /// - Parameters:
    ///   - options: the training's options.
    ///   - backbone: the transformer to start from; untrained by default.
    ///   - generator: the source of random numbers.
    /// - Precondition: the transformer's configuration is that of the options, but for the mask token.
    public init(
        _ options: DINOOptions, backbone: VisionTransformer? = nil,
        using generator: inout some RandomNumberGenerator
    ) {
        var backbone =
            backbone
            ?? VisionTransformer(
                untrained: options.network, initialization: options.initialization,
                using: &generator)
        if options.network.hasMaskToken { backbone.addMaskToken() }
        require(
            backbone.configuration == options.network,
            "DINONetwork: backbone \(backbone.configuration), expected \(options.network)")
        let width = options.network.width
        self.init(
            backbone: backbone,
            head: options.needsHead
                ? DINOHead(inputWidth: width, options: options.head, using: &generator) : nil,
            patchHead: options.separatePatchHead.map {
                DINOHead(inputWidth: width, options: $0, using: &generator)
            },
            distillation: options.distillation.map { options in
                untrained(using: &generator) {
                    DistillationHeads(options, inputWidth: width, from: $0)
                }
            })
    }

    /// Visits the parameters of the transformer and of all heads.
    public mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        try backbone.forEachParameter(under: "backbone", body)
        try Self.visit("head", &head, body)
        try Self.visit("patch_head", &patchHead, body)
        try Self.visit("distillation", &distillation, body)
    }

    private static func visit<Part: Module>(
        _ name: String, _ part: inout Part?, _ body: (String, inout Tensor) throws -> Void
    ) rethrows {
        guard var module = part else { return }
        // Moved out, so that the elements have a single owner while `body` changes them.
        part = nil
        defer { part = module }
        try module.forEachParameter(under: name, body)
    }
}
