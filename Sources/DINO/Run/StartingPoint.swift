import ViT

/// What a training begins with, beside its options.
public struct StartingPoint: Sendable {
    /// The network; an untrained one where there is none.
    public var network: VisionTransformer?
    /// The network to learn from, in distillation.
    public var teacher: DINONetwork?

    public init(network: VisionTransformer? = nil, teacher: DINONetwork? = nil) {
        self.network = network
        self.teacher = teacher
    }
}
