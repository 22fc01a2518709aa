import Tensors

/// The tensors of a file, by the names of its naming scheme.
struct WeightNames {
    /// The file's naming scheme.
    private(set) var naming: WeightNaming
    /// The path of the dictionary that is used, with a dot after each part; empty for the outermost.
    let root: String
    /// The names in the file, by the names without wrappers' prefixes.
    private let names: [String: String]
    /// The numbers of the blocks.
    let blocks: Set<Substring>

    /// The dictionaries in which a checkpoint stores the teacher, and those in which it stores a single model, both
    /// in order of preference. They include names of lightly and solo-learn, whose files may also hold a student
    /// that is marked by nothing but a prefix.
    private static let teachers = ["teacher.", "teacher_backbone.", "momentum_backbone."]
    private static let wrappers = ["student.", "student_backbone.", "state_dict.", "model."]
    /// Prefixes of modules that wrap a model, possibly nested: `module.` is DistributedDataParallel's, `backbone.`
    /// that of DINO's multi-crop wrapper, the others are those of Hugging Face's models with a head.
    private static let prefixes = [
        "module.", "backbone.", "vit.", "dinov2.", "dinov2_with_registers.", "dinov3_vit.",
    ]
    /// Names inserted by wrappers of any part of a model: `torch.compile`, fully sharded training, recomputation.
    private static let inserted: Set<Substring> = [
        "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
    ]

    /// - Throws: `WeightsError` if there is no class token, or two names denote one tensor.
    init(_ names: [String], path: String) throws(WeightsError) {
        guard let root = WeightNames.root(of: names.map { $0[...] }, depth: 0) else {
            throw .noTransformer(path: path, found: names)
        }
        self.root = root
        var found: [String: String] = [:]
        for name in names where name.hasPrefix(root) {
            let short = WeightNames.asInFiles(WeightNames.short(name.dropFirst(root.count)))
            guard found.updateValue(name, forKey: short) == nil else {
                throw .ambiguous(path: path, name: short)
            }
        }
        self.names = found
        // Names of different blocks are counted together.
        var counts: [String: Int] = [:]
        for name in found.keys { counts[WeightNames.withoutNumber(name).name, default: 0] += 1 }
        let kinds = VisionTransformer.Configuration.everyParameter
        func explained(_ naming: WeightNaming) -> Int {
            let parts = Set(kinds.flatMap { naming.parts(of: $0) } + [naming.periods])
            return parts.reduce(0) { $0 + ($1.flatMap { counts[$0] } ?? 0) }
        }
        // The first of equals, which is the simplest.
        let best = WeightNaming.all.map { ($0, explained($0)) }.reduce((WeightNaming.all[0], -1)) {
            $1.1 > $0.1 ? $1 : $0
        }
        naming = best.0
        let block = WeightNames.withoutNumber(naming.parts(of: "blocks.#.norm1.weight")[0] ?? "")
            .name
        let prefix = block.prefix { $0 != "#" }
        blocks = Set(
            found.keys.filter { $0.hasPrefix(prefix) }.compactMap {
                WeightNames.withoutNumber($0).number
            })
    }

    /// Distinguishes timm's gated layers from the official perceptron, whose names are the same: if gated, the
    /// first layer is twice as wide as the second one's input.
    mutating func detectGatedLayers(_ shape: (String) -> Shape?) {
        let (first, second) = ("blocks.0.mlp.fc1.weight", "blocks.0.mlp.fc2.weight")
        guard naming.naming == .official, let hidden = names[first].flatMap(shape),
            let output = names[second].flatMap(shape), hidden.rank == 2, output.rank == 2,
            hidden[0] % 2 == 0, hidden[0] / 2 == output[1]
        else { return }
        naming.naming = .timm
    }

    /// The names in the file of the tensors that make up a parameter; nil entries stand for zeros and for missing
    /// tensors. Nil if there are none at all.
    func parts(of parameter: String) -> [String?]? {
        let parts = naming.parts(of: parameter).map { $0.flatMap { names[$0] } }
        return parts.allSatisfy { $0 == nil } ? nil : parts
    }

    /// The name in the file of a tensor that is not a parameter; nil if there is none.
    func other(_ name: String) -> String? { names[name] }

    /// The sorted names in the file that are not in `used`.
    func leftOver(besides used: Set<String>) -> [String] {
        names.values.filter { !used.contains($0) }.sorted()
    }

    /// The dictionary of a teacher, else the outermost one with a class token, else the first known wrapper that
    /// contains one, up to six levels deep. A dot follows each part.
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
            // Short names omit it anyway: it is part of a root only if another root lies inside.
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

    /// A name without the prefixes of wrappers.
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

    /// Whether this is an official file of DINOv3's ViT-L for satellite images, the only one of its size with a
    /// norm for the class tokens of small crops.
    func isOfSatellite(width: Int) -> Bool {
        width == 1024 && naming == WeightNaming(naming: .official, family: .dinov3)
            && other("local_cls_norm.weight") != nil
    }

    /// Whether a tensor belongs to a head or a pooler, or is used only in training.
    static func isIgnorable(_ name: Substring) -> Bool {
        let pieces = short(name).split(separator: ".")
        let useless: Set<Substring> = [
            "head", "classifier", "pooler", "dino_head", "ibot_head", "dino_loss",
            "ibot_patch_loss", "projectors", "local_cls_norm", "mask_token",
        ]
        return pieces.prefix(2) == ["embeddings", "mask_token"]
            || pieces.first.map(useless.contains) ?? false
    }

    /// A name with `#` in place of its block's number.
    private static func withoutNumber(_ name: String) -> (name: String, number: Substring?) {
        var pieces = name.split(separator: ".", omittingEmptySubsequences: false)
        guard let place = pieces.firstIndex(where: { Int($0) != nil }) else { return (name, nil) }
        let number = pieces[place]
        pieces[place] = "#"
        return (pieces.joined(separator: "."), number)
    }

    /// The name in weight files of a tensor that is named differently in memory: transformers 5 renames tensors on
    /// loading, and dinov2 trains its blocks in groups (`blocks.GROUP.NUMBER`).
    private static func asInFiles(_ name: Substring) -> String {
        var pieces = name.split(separator: ".", omittingEmptySubsequences: false)
        func isNumber(_ place: Int) -> Bool { pieces.count > place && Int(pieces[place]) != nil }
        switch pieces[0] {
        case "blocks" where isNumber(1) && isNumber(2): pieces.remove(at: 1)
        case "model" where pieces.count > 2 && pieces[1] == "layer": pieces.remove(at: 0)
        case "layers" where isNumber(1) && pieces.count > 4:
            pieces.replaceSubrange(0...0, with: ["encoder", "layer"])
            if pieces[3] == "mlp" {
                let layer: Substring = pieces[4] == "fc1" ? "intermediate" : "output"
                pieces.replaceSubrange(3...4, with: [layer, "dense"])
            }
        default: break
        }
        if pieces.count > 4, pieces[0] == "encoder", pieces[3] == "attention" {
            let files: [Substring: [Substring]] = [
                "q_proj": ["attention", "query"], "k_proj": ["attention", "key"],
                "v_proj": ["attention", "value"], "o_proj": ["output", "dense"],
            ]
            if let renamed = files[pieces[4]] { pieces.replaceSubrange(4...4, with: renamed) }
        }
        return pieces.joined(separator: ".")
    }
}

extension VisionTransformer.Configuration {
    /// The official names of all parameters that a network can have, with `#` for the block's number.
    fileprivate static let everyParameter: Set<String> = {
        var all = Set<String>()
        for feedForward in FeedForward.Kind.allCases {
            var configuration = Self(width: 4, depth: 1, heads: 1, patchSize: 1)
            configuration.feedForward = feedForward
            configuration.registers = 1
            configuration.hasLayerScale = true
            configuration.hasMaskToken = true
            for (name, _) in configuration.parameterShapes {
                all.insert(name.replacing("blocks.0.", with: "blocks.#."))
            }
        }
        return all
    }()
}
