import Foundation
import Tensors
import ViT

/// How a step counts for single parameters. Defaults are DINO's (main_dino.py); ``dinov2`` has those of dinov2's
/// ssl_default_config.yaml.
public struct ParameterRules: Sendable, Codable, Hashable {
    /// By what factor the rate shrinks from a block to the one before it: `layerwise_decay`. The last norm and
    /// the heads count in full, the first block shrinks once for each block, the tokens and the patch embedding
    /// once more.
    public var layerDecay = 1.0
    /// A further factor of the patch embedding's rate: `patch_embed_lr_mult`.
    public var patchEmbedding = 1.0
    public var decay = Decay.matrices
    public var clipping = Clipping.parameter

    /// What weight decay is for.
    public enum Decay: String, Sendable, Codable, Hashable, CaseIterable {
        /// What has more than one dimension (`get_params_groups` of dino's utils.py).
        case matrices
        /// All but biases, norms and the factors of LayerScale (`get_params_groups_with_decay` of dinov2): tokens,
        /// positions and the lengths of a head's last layer, too.
        case weights
    }

    /// What is clipped together.
    public enum Clipping: String, Sendable, Codable, Hashable, CaseIterable {
        /// Each parameter's gradient for itself (`clip_gradients` of dino's utils.py).
        case parameter
        /// The network's, and each head's (`clip_grad_norm_` of dinov2's submodules).
        case module
    }

    public init() {}

    /// Those of dinov2.
    public static var dinov2: ParameterRules {
        var rules = ParameterRules()
        (rules.layerDecay, rules.patchEmbedding) = (0.9, 0.2)
        (rules.decay, rules.clipping) = (.weights, .module)
        return rules
    }

    /// Of a parameter of a `DINONetwork`.
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

    /// The number of weight matrices in a parameter of a `DINONetwork` that Muon makes orthogonal: all but tokens,
    /// positions and prototypes. A patch embedding counts as the matrix by which a patch's pixels are multiplied.
    static func matrices(name: String, parameter: Tensor) -> Int {
        guard parameter.shape.rank > 1, name.hasSuffix(".weight") else { return 0 }
        if name.hasSuffix(".qkv.weight") { return 3 }
        return name.hasSuffix(".w12.weight") ? 2 : 1
    }

    /// From 0 for what stands before the blocks to depth + 1 for what is behind them.
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
    package enum Bounds {
        package static let factor = Bound("factor of a rate", 0.0...1)
    }

    public var fault: String? {
        firstFault(Bounds.factor.fault(layerDecay), Bounds.factor.fault(patchEmbedding))
    }
}

extension Gradients {
    /// Clips as a rule says.
    ///
    /// - Parameter names: of a `DINONetwork`'s parameters.
    mutating func clip(to limit: Double, _ rule: ParameterRules.Clipping, names: [String]) {
        switch rule {
        case .parameter: clip(eachTo: limit)
        case .module:
            let modules = Dictionary(grouping: names.indices) { names[$0].prefix { $0 != "." } }
            for indices in modules.values { clip(indices, togetherTo: limit) }
        }
    }
}
