import ViT

/// What a training begins with, beside its options.
public struct StartingPoint: Sendable {
    /// The network's weights; untrained ones where there are none.
    public var weights: VisionTransformer.Weights?
    /// The network to learn from, in distillation.
    public var teacher: DINONetwork?

    public init(weights: VisionTransformer.Weights? = nil, teacher: DINONetwork? = nil) {
        self.weights = weights
        self.teacher = teacher
    }
}
