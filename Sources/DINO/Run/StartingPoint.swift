import ViT

/// The initial state of a training run, in addition to its options.
public struct StartingPoint: Sendable {
    /// The network to start from; nil for an untrained one.
    public var network: VisionTransformer?

    /// Creates a starting point.
    ///
    /// - Parameter network: the network to start from; nil for an untrained one.
    public init(network: VisionTransformer? = nil) {
        self.network = network
    }
}

/// The source of the features that training distils.
public enum FeatureSource: Sendable {
    /// A network that is run on the crops.
    case network(any Backbone)
    /// Files with precomputed features.
    case maps(TeacherMaps)

    /// The description of the source in the training options.
    public var teacher: DistillationOptions.Teacher {
        switch self {
        case .network(let network): .network(fingerprint: network.fingerprint)
        case .maps(let maps): .maps(hasSaliency: maps.saliencyFolder != nil)
        }
    }

    /// The number of channels of its vectors.
    public var channels: Int {
        switch self {
        case .network(let network): network.configuration.width
        case .maps(let maps): maps.channels
        }
    }
}
