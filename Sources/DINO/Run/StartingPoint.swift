import ViT

/// What a training begins with, beside its options.
public struct StartingPoint: Sendable {
    /// The network; an untrained one where there is none.
    public var network: VisionTransformer?

    public init(network: VisionTransformer? = nil) {
        self.network = network
    }
}

/// Where the features come from that a training learns.
public enum FeatureSource: Sendable {
    case network(any Backbone)
    case maps(TeacherMaps)

    /// What the options of a training with it say of it.
    public var teacher: DistillationOptions.Teacher {
        switch self {
        case .network(let network): .network(fingerprint: network.fingerprint)
        case .maps(let maps): .maps(hasSaliency: maps.saliencyFolder != nil)
        }
    }

    /// Of its vectors.
    public var channels: Int {
        switch self {
        case .network(let network): network.configuration.width
        case .maps(let maps): maps.channels
        }
    }
}
