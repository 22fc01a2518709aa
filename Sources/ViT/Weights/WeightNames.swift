import Tensors

/// Finds the official names (vision_transformer.py of facebookresearch/dino, also timm's) behind
/// those of a file.
struct WeightNames {
    /// Whose names the file has.
    enum Scheme: String, Sendable {
        case official, huggingFace
    }

    var scheme: Scheme
    /// The dictionary of the file that is read, dots after each part, empty for the outermost.
    var root: String
    /// The names in the file by the official name; the query, key and value of a Hugging Face file
    /// are three names for one, in this order.
    var sources: [String: [String]] = [:]
    /// Names under the root that mean nothing in a vision transformer, in order.
    var leftOver: [String] = []

    /// The dictionaries in which a checkpoint keeps the slower of two models, and others in which it
    /// keeps one, both in the order of preference. Names of lightly and solo-learn are among them, in
    /// whose files a student may stand beside under no name but a prefix.
    private static let teachers = ["teacher.", "teacher_backbone.", "momentum_backbone."]
    private static let wrappers = ["student.", "student_backbone.", "state_dict.", "model."]
    /// What wraps a model, and may be wrapped in turn: `module.` is of DistributedDataParallel,
    /// `backbone.` of DINO's multi-crop wrapper, `vit.` of Hugging Face's models with a head.
    private static let prefixes = ["module.", "backbone.", "vit."]
    /// What wraps any part of a model: `torch.compile`, fully sharded training, recomputation.
    private static let inserted: Set<Substring> = [
        "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
    ]

    /// - Throws: `WeightsError` where no class token is found or two names mean one tensor.
    init(_ names: [String], path: String) throws(WeightsError) {
        guard let root = WeightNames.root(of: names.map { $0[...] }, depth: 0) else {
            throw .noTransformer(path: path, found: names)
        }
        self.root = root
        let inside = names.filter { $0.hasPrefix(root) }.map { name in
            (name, WeightNames.short(name.dropFirst(root.count)))
        }
        scheme = inside.contains { $0.1 == "cls_token" } ? .official : .huggingFace
        for (name, short) in inside {
            let part: (name: String, position: Int)?
            switch scheme {
            case .official: part = (String(short), 0)
            case .huggingFace: part = WeightNames.official(fromHuggingFace: short)
            }
            guard let part else {
                leftOver.append(name)
                continue
            }
            let isThird = part.name.contains(".attn.qkv.") && scheme == .huggingFace
            var parts = sources[part.name] ?? [String](repeating: "", count: isThird ? 3 : 1)
            guard parts[part.position].isEmpty else {
                throw .ambiguous(path: path, name: part.name)
            }
            parts[part.position] = name
            sources[part.name] = parts
        }
    }

    /// The dictionary of a teacher, or else the outermost one with a class token, or else the first of
    /// the known wrappers in which there is one, up to six deep. Dots after each part.
    private static func root(of names: [Substring], depth: Int) -> String? {
        guard depth < 6, !names.isEmpty else { return nil }
        func root(in wrapper: String) -> String? {
            WeightNames.root(
                of: names.filter { $0.hasPrefix(wrapper) }.map { $0.dropFirst(wrapper.count) },
                depth: depth + 1)
        }
        let shared = ["module.", "_orig_mod."].first { prefix in
            names.allSatisfy { $0.hasPrefix(prefix) }
        }
        if let shared {
            // Short names lack it anyway: it is part of a root only where one is inside of it.
            return root(in: shared).map { $0.isEmpty ? "" : shared + $0 }
        }
        for wrapper in teachers { if let inner = root(in: wrapper) { return wrapper + inner } }
        let isModel = names.contains { name in
            let short = short(name)
            return short == "cls_token" || short == "embeddings.cls_token"
        }
        if isModel { return "" }
        for wrapper in wrappers { if let inner = root(in: wrapper) { return wrapper + inner } }
        return nil
    }

    /// A name without what wraps its model or a part of it.
    static func short(_ name: Substring) -> Substring {
        var name = name
        if inserted.contains(where: name.contains) {
            name = Substring(
                name.split(separator: ".", omittingEmptySubsequences: false)
                    .filter { !inserted.contains($0) }.joined(separator: "."))
        }
        while let prefix = prefixes.first(where: name.hasPrefix) {
            name = name.dropFirst(prefix.count)
        }
        return name
    }

    /// The official name for one of Hugging Face's ViT (modeling_vit.py of transformers; both the
    /// names in its files and those that its version 5 has in memory).
    private static func official(
        fromHuggingFace name: Substring
    ) -> (name: String, position: Int)? {
        let outside: [Substring: String] = [
            "embeddings.cls_token": "cls_token",
            "embeddings.position_embeddings": "pos_embed",
            "embeddings.patch_embeddings.projection.weight": "patch_embed.proj.weight",
            "embeddings.patch_embeddings.projection.bias": "patch_embed.proj.bias",
            "layernorm.weight": "norm.weight", "layernorm.bias": "norm.bias",
        ]
        if let official = outside[name] { return (official, 0) }
        let list = ["encoder.layer.", "layers."].first(where: name.hasPrefix)
        guard let list else { return nil }
        let parts = name.dropFirst(list.count).split(separator: ".")
        guard parts.count >= 3, let last = parts.last, last == "weight" || last == "bias" else {
            return nil
        }
        let inner = parts.dropFirst().dropLast().joined(separator: ".")
        let places: [String: (String, Int)] = [
            "attention.attention.query": ("attn.qkv", 0), "attention.q_proj": ("attn.qkv", 0),
            "attention.attention.key": ("attn.qkv", 1), "attention.k_proj": ("attn.qkv", 1),
            "attention.attention.value": ("attn.qkv", 2), "attention.v_proj": ("attn.qkv", 2),
            "attention.output.dense": ("attn.proj", 0), "attention.o_proj": ("attn.proj", 0),
            "layernorm_before": ("norm1", 0), "layernorm_after": ("norm2", 0),
            "intermediate.dense": ("mlp.fc1", 0), "mlp.fc1": ("mlp.fc1", 0),
            "output.dense": ("mlp.fc2", 0), "mlp.fc2": ("mlp.fc2", 0),
        ]
        guard let (place, position) = places[inner] else { return nil }
        return ("blocks.\(parts[0]).\(place).\(last)", position)
    }
}
