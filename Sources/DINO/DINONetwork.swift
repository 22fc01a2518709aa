import Platform
import Tensors
import ViT

/// A vision transformer with what training asks of it (`MultiCropWrapper` of utils.py).
public struct DINONetwork: Sendable, Module {
    public var backbone: VisionTransformer
    /// The projection head; nil where nothing is asked of prototypes.
    public var head: DINOHead?
    /// That of masked patches; nil where they share the class token's, or nothing is asked of them.
    public var patchHead: DINOHead?
    /// The maps to a teacher's features; nil where it learns from none.
    public var distillation: DistillationHeads?

    /// - Precondition: the head takes embeddings of the transformer's width.
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

    /// A network with which training starts.
    ///
    /// - Parameter backbone: what to start from; an untrained network unless given.
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
            "DINONetwork: a network of \(backbone.configuration) for \(options.network)")
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
        // So that the elements have one owner.
        part = nil
        defer { part = module }
        try module.forEachParameter(under: name, body)
    }
}
