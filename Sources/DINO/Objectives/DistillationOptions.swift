import Tensors
import ViT

/// What is learnt from a trained network's features, cell by cell (dense distillation).
///
/// Each patch's token is to give, through one linear map, the teacher's vector of the same place; the class
/// token that of the whole crop. The vectors are standardised: each channel has the mean 0 and the deviation
/// 1 over the crops of the first hundred steps, so that none counts for more than another (as AM-RADIO does, Ranzinger et
/// al. 2024, section 3.3; the squared error is LightlyTrain's). The maps are part of the training and no part of
/// the network that comes of it.
public struct DistillationOptions: Sendable, Codable, Hashable {
    /// What the features come from.
    public enum Teacher: Sendable, Codable, Hashable {
        /// A network, by its `Backbone.fingerprint`, which runs on the same crops.
        case network(fingerprint: String)
        /// Files; see ``TeacherMaps``.
        case maps(hasSaliency: Bool)

        var isNetwork: Bool {
            if case .network = self { true } else { false }
        }
    }

    public var teacher: Teacher
    /// Of the teacher's vectors.
    public var channels: Int
    /// What is to give the vectors: the last layer's tokens after the norm, or others too, such as the keys of
    /// the layer by which pictures are matched.
    public var taps = [FeatureTap(layer: -1, facet: .normedToken)]
    /// By how much the patches count, all taps together.
    public var patchWeight = 1.0
    /// By how much the class token counts.
    public var classWeight = 1.0
    /// By how much it counts where the class token looks in the last layer: the cross-entropy of the mean over
    /// its heads with the teacher's, or with the saliency beside the maps.
    public var attentionWeight = 0.1

    public init(teacher: Teacher, channels: Int) {
        self.teacher = teacher
        self.channels = channels
    }

    /// Whether the teacher tells where to look.
    var hasAttention: Bool { teacher != .maps(hasSaliency: false) }
}

extension DistillationOptions: Bounded {
    package enum Bounds {
        /// As wide as the widest network.
        package static let channels = Bound(
            "channels of the teacher's features",
            VisionTransformer.Configuration.Bounds.width.range)
        package static let weight = Bound("weight of an objective", 0.0...1e6)
    }

    public var fault: String? {
        let single = firstFault(
            Bounds.channels.fault(channels), Bounds.weight.fault(patchWeight),
            Bounds.weight.fault(classWeight), Bounds.weight.fault(attentionWeight),
            taps.lazy.compactMap { FeatureTap.layers.fault($0.layer) }.first)
        if let single { return single }
        if taps.isEmpty && patchWeight > 0 { return "patches learn in no layer" }
        if let tap = taps.first(where: { $0.facet.isAttention || $0.facet == .embedding }) {
            return "\(tap.facet.rawValue) has no vector for each patch"
        }
        return patchWeight + classWeight + (hasAttention ? attentionWeight : 0) > 0
            ? nil : "nothing is learnt from the teacher's features"
    }
}
