import Tensors

/// The naming schemes of weight files.
public enum Naming: String, Hashable, Sendable, Codable, CaseIterable {
    /// The names of the published files (vision_transformer.py of facebookresearch/dino and dinov2).
    case official = "dino"
    /// The names of timm's files.
    case timm
    /// The names of transformers' files.
    case huggingFace = "huggingface"

    /// The scheme's name for messages.
    public var title: String {
        switch self {
        case .official: "official"
        case .timm: "timm"
        case .huggingFace: "Hugging Face"
        }
    }
}

/// How one kind of file names the parameters of one family of networks. All such names are defined here.
struct WeightNaming: Hashable, Sendable {
    /// The published networks that a network resembles; their files differ in names.
    enum Family: Hashable, Sendable, CaseIterable {
        case dino, dinov2, dinov3
    }

    var naming: Naming
    var family: Family

    /// Every combination, simplest first.
    static let all: [WeightNaming] = Family.allCases.flatMap { family in
        Naming.allCases.map { WeightNaming(naming: $0, family: family) }
    }

    /// The tensor with the rotary periods, in files that store them.
    var periods: String? {
        naming == .official && family == .dinov3 ? "rope_embed.periods" : nil
    }

    /// The mask token, in files that store one even for networks without it.
    func maskToken(width: Int) -> (name: String, shape: Shape)? {
        switch (naming, family) {
        case (.timm, _), (_, .dino): nil
        case (.official, _): ("mask_token", [1, width])
        case (.huggingFace, .dinov2): ("embeddings.mask_token", [1, width])
        case (.huggingFace, .dinov3): ("embeddings.mask_token", [1, 1, width])
        }
    }

    /// The tensors that are concatenated by rows to make a parameter, given its official name (that of DINOv2 where
    /// the families differ); nil stands for zeros.
    ///
    /// - Parameter name: the block's number may be any text without a dot.
    func parts(of name: String) -> [String?] {
        guard name.hasPrefix("blocks.") else { return [outer(name)] }
        let pieces = name.split(separator: ".", maxSplits: 2)
        guard pieces.count == 3, let dot = pieces[2].lastIndex(of: ".") else { return [name] }
        let prefix = "\(blocks).\(pieces[1])."
        let (layer, last) = (String(pieces[2][..<dot]), pieces[2][dot...])
        if naming == .timm && family == .dinov3 && pieces[2] == "attn.qkv.bias" {
            return [prefix + "attn.q_bias", nil, prefix + "attn.v_bias"]
        }
        if layer == "ls1" || layer == "ls2" { return [prefix + scale(String(layer.last ?? "1"))] }
        return inner(layer).map { prefix + $0 + last }
    }

    /// The prefix of the blocks' numbers.
    private var blocks: String {
        switch (naming, family) {
        case (.huggingFace, .dinov3): "layer"
        case (.huggingFace, _): "encoder.layer"
        default: "blocks"
        }
    }

    private func scale(_ number: String) -> String {
        switch (naming, family) {
        case (.huggingFace, _): "layer_scale\(number).lambda1"
        case (.timm, .dinov3): "gamma_\(number)"
        default: "ls\(number).gamma"
        }
    }

    private func outer(_ name: String) -> String {
        switch (naming, family, name) {
        case (.official, .dinov3, "register_tokens"): "storage_tokens"
        case (.timm, _, "register_tokens"): "reg_token"
        case (.huggingFace, .dinov3, _) where name.hasPrefix("norm."): name
        case (.huggingFace, _, _) where name.hasPrefix("norm."): "layer" + name
        case (.huggingFace, _, "pos_embed"): "embeddings.position_embeddings"
        case (.huggingFace, .dinov3, _) where name.hasPrefix("patch_embed.proj."):
            "embeddings.patch_embeddings." + name.dropFirst("patch_embed.proj.".count)
        case (.huggingFace, _, _) where name.hasPrefix("patch_embed.proj."):
            "embeddings.patch_embeddings.projection." + name.dropFirst("patch_embed.proj.".count)
        case (.huggingFace, _, _): "embeddings." + name
        default: name
        }
    }

    private func inner(_ layer: String) -> [String] {
        switch (naming, family, layer) {
        case (.official, .dinov3, "mlp.w12"): ["mlp.w1", "mlp.w2"]
        case (.timm, .dinov3, "mlp.w12"): ["mlp.fc1_g", "mlp.fc1_x"]
        case (.timm, _, "mlp.w12"): ["mlp.fc1"]
        case (.timm, _, "mlp.w3"): ["mlp.fc2"]
        case (.huggingFace, .dinov3, "attn.qkv"):
            ["attention.q_proj", "attention.k_proj", "attention.v_proj"]
        case (.huggingFace, _, "attn.qkv"):
            ["query", "key", "value"].map { "attention.attention." + $0 }
        case (.huggingFace, .dinov3, "attn.proj"): ["attention.o_proj"]
        case (.huggingFace, _, "attn.proj"): ["attention.output.dense"]
        case (.huggingFace, .dino, "norm1"): ["layernorm_before"]
        case (.huggingFace, .dino, "norm2"): ["layernorm_after"]
        case (.huggingFace, .dino, "mlp.fc1"): ["intermediate.dense"]
        case (.huggingFace, .dino, "mlp.fc2"): ["output.dense"]
        case (.huggingFace, .dinov3, "mlp.fc1"): ["mlp.up_proj"]
        case (.huggingFace, .dinov3, "mlp.fc2"), (.huggingFace, .dinov3, "mlp.w3"):
            ["mlp.down_proj"]
        case (.huggingFace, .dinov3, "mlp.w12"): ["mlp.gate_proj", "mlp.up_proj"]
        case (.huggingFace, _, "mlp.w12"): ["mlp.weights_in"]
        case (.huggingFace, _, "mlp.w3"): ["mlp.weights_out"]
        default: [layer]
        }
    }
}

extension VisionTransformer.Configuration {
    /// The family that a network belongs to.
    var family: WeightNaming.Family {
        if case .rotary = positions { return .dinov3 }
        return hasLayerScale || registers > 0 || feedForward != .perceptron ? .dinov2 : .dino
    }

    /// Whether this is a network of the original DINO, without the additions of DINOv2 and DINOv3.
    package var isOfDINO: Bool { family == .dino }

    func naming(_ naming: Naming) -> WeightNaming {
        WeightNaming(naming: naming, family: family)
    }
}
