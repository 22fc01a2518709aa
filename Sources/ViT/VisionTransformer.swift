import Tensors

/// A vision transformer.
public struct VisionTransformer: Sendable {
    public let configuration: Configuration
}
