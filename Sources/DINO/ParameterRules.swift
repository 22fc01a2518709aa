import Foundation
import Tensors

/// How learning rate, weight decay and clipping apply to individual parameters. The defaults are DINO's
/// (main_dino.py); ``dinov2`` has those of dinov2's ssl_default_config.yaml.
public struct ParameterRules: Sendable, Codable, Hashable {
    /// The factor by which the learning rate decreases from each block to the one before: `layerwise_decay`. The
    /// final norm and the heads use the full rate; the last block's is multiplied once, the first block's once per
    /// block, that of the tokens and the patch embedding once more.
    public var layerDecay = 1.0
    /// A further multiplier of the patch embedding's learning rate: `patch_embed_lr_mult`.
    public var patchEmbedding = 1.0
    /// Which parameters weight decay applies to.
    public var decay = Decay.matrices
    /// Which gradients are clipped together.
    public var clipping = Clipping.parameter

    /// Which parameters weight decay applies to.
    public enum Decay: String, Sendable, Codable, Hashable, CaseIterable {
        /// Parameters with more than one dimension (`get_params_groups` of dino's utils.py).
        case matrices
        /// All but biases, norms and LayerScale factors (`get_params_groups_with_decay` of dinov2), including
        /// tokens, positions and the row lengths of a head's last layer.
        case weights
    }

    /// Which gradients are clipped together.
    public enum Clipping: String, Sendable, Codable, Hashable, CaseIterable {
        /// Each parameter's gradient by itself (`clip_gradients` of dino's utils.py).
        case parameter
        /// Those of the network and of each head (`clip_grad_norm_` of dinov2's submodules).
        case module
    }

    /// Creates DINO's rules.
    public init() {}

    /// dinov2's rules.
    public static var dinov2: ParameterRules {
        var rules = ParameterRules()
        (rules.layerDecay, rules.patchEmbedding) = (0.9, 0.2)
        (rules.decay, rules.clipping) = (.weights, .module)
        return rules
    }

    /// The multipliers for a parameter of a `DINONetwork`.
    func scaling(name: String, parameter: Tensor, depth: Int) -> ParameterScaling {
        var result = ParameterScaling.ofDINO(name: name, parameter: parameter)
        if decay == .weights {
            let isSpared =
                name.hasSuffix(".bias") || name.contains("norm") || name.contains("gamma")
            result.weightDecay = isSpared ? 0 : 1
        }
        guard name.hasPrefix("backbone.") else { return result }
        result.rate = pow(layerDecay, Double(depth + 1 - layer(of: name, depth: depth)))
        if name.contains("patch_embed") { result.rate *= patchEmbedding }
        return result
    }

    /// The number of weight matrices in a parameter of a `DINONetwork` that Muon orthogonalises; 0 for tokens,
    /// positions and prototypes. A patch embedding is treated as a matrix that multiplies a patch's pixels.
    static func matrices(name: String, parameter: Tensor) -> Int {
        guard parameter.shape.rank > 1, name.hasSuffix(".weight") else { return 0 }
        if name.hasSuffix(".qkv.weight") { return 3 }
        return name.hasSuffix(".w12.weight") ? 2 : 1
    }

    /// A parameter's layer: 0 before the blocks, 1 to depth in them, depth + 1 behind them.
    private func layer(of name: String, depth: Int) -> Int {
        let pieces = name.split(separator: ".")
        switch pieces[1] {
        case "blocks": return (Int(pieces[2]) ?? depth) + 1
        case "norm": return depth + 1
        default: return 0
        }
    }
}

extension ParameterRules: Bounded {
    /// The ranges of valid values.
    package enum Bounds {
        package static let factor = Bound("learning rate factor", 0.0...1)
    }

    /// A message about the first value that is out of bounds; nil if all are valid.
    public var fault: String? {
        firstFault(Bounds.factor.fault(layerDecay), Bounds.factor.fault(patchEmbedding))
    }
}

extension Gradients {
    /// Clips gradients by a rule.
    ///
    /// - Parameters:
    ///   - limit: the maximum norm.
    ///   - rule: which gradients are clipped together.
    ///   - names: the names of a `DINONetwork`'s parameters.
    mutating func clip(to limit: Double, _ rule: ParameterRules.Clipping, names: [String]) {
        switch rule {
        case .parameter: clip(eachTo: limit)
        case .module:
            let modules = Dictionary(grouping: names.indices) { names[$0].prefix { $0 != "." } }
            for indices in modules.values { clip(indices, togetherTo: limit) }
        }
    }
}
