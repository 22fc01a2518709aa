import Tensors
import ViT

/// Dense distillation of a trained network's features, cell by cell.
///
/// Each patch's token predicts, through a linear map, the teacher's vector at the same place, and the class token
/// that of the whole crop. The vectors are standardised: each channel has mean 0 and standard deviation 1 over the
/// crops of the first hundred steps, so that all channels have equal weight (as in AM-RADIO, Ranzinger et al. 2024,
/// section 3.3; the squared error is LightlyTrain's). The maps belong to the training, not to the resulting
/// network.
public struct DistillationOptions: Sendable, Codable, Hashable {
    /// The source of the features.
    public enum Teacher: Sendable, Codable, Hashable {
        /// A network, identified by its `Backbone.fingerprint`, that is run on the same crops.
        case network(fingerprint: String)
        /// Files with precomputed features; see ``TeacherMaps``.
        case maps(hasSaliency: Bool)

        var isNetwork: Bool {
            if case .network = self { true } else { false }
        }
    }

    /// The source of the features.
    public var teacher: Teacher
    /// The number of channels of the teacher's vectors.
    public var channels: Int
    /// The student's features that predict the vectors: the last layer's tokens after the norm, or also others,
    /// such as the keys of the layer used to match pictures.
    public var taps = [FeatureTap(layer: -1, facet: .normedToken)]
    /// The weight of the patches' loss, averaged over all taps.
    public var patchWeight = 1.0
    /// The weight of the class token's loss.
    public var classWeight = 1.0
    /// The weight of the attention loss: the cross-entropy of the class token's attention in the last layer,
    /// averaged over heads, with the teacher's attention or the saliency stored with the maps.
    public var attentionWeight = 0.1

    /// Creates options with default taps and weights.
    ///
    /// - Parameters:
    ///   - teacher: the source of the features.
    ///   - channels: the number of channels of the teacher's vectors.
    public init(teacher: Teacher, channels: Int) {
        self.teacher = teacher
        self.channels = channels
    }

    /// Whether the teacher supplies attention or saliency.
    var hasAttention: Bool { teacher != .maps(hasSaliency: false) }
}

extension DistillationOptions: Bounded {
    /// The ranges of valid values.
    package enum Bounds {
        /// As for the width of a network.
        package static let channels = Bound(
            "channels of the teacher's features",
            VisionTransformer.Configuration.Bounds.width.range)
        package static let weight = Bound("weight of an objective", 0.0...1e6)
    }

    /// A message about the first invalid option; nil if all are valid.
    public var fault: String? {
        let single = firstFault(
            Bounds.channels.fault(channels), Bounds.weight.fault(patchWeight),
            Bounds.weight.fault(classWeight), Bounds.weight.fault(attentionWeight),
            taps.lazy.compactMap { FeatureTap.layers.fault($0.layer) }.first)
        if let single { return single }
        if taps.isEmpty && patchWeight > 0 { return "the patches' loss has no layer to apply to" }
        if let tap = taps.first(where: { !$0.facet.hasVectors }) {
            return "\(tap.facet.rawValue) has no vector for each patch"
        }
        return patchWeight + classWeight + (hasAttention ? attentionWeight : 0) > 0
            ? nil : "all weights of the teacher's features are 0"
    }
}
