import Tensors

/// The tensors of a file by the names that its kind of file has for them.
struct WeightNames {
    /// How parameters are called in it.
    private(set) var naming: WeightNaming
    /// The dictionary of the file that is read, dots after each part, empty for the outermost.
    let root: String
    /// The names in the file by the names without what wraps the model.
    private let names: [String: String]
    /// The blocks' numbers.
    let blocks: Set<Substring>

    /// The dictionaries in which a checkpoint keeps the slower of two models, and others in which it
    /// keeps one, both in the order of preference. Names of lightly and solo-learn are among them, in
    /// whose files a student may stand beside under no name but a prefix.
    private static let teachers = ["teacher.", "teacher_backbone.", "momentum_backbone."]
    private static let wrappers = ["student.", "student_backbone.", "state_dict.", "model."]
    /// What wraps a model, and may be wrapped in turn: `module.` is of DistributedDataParallel,
    /// `backbone.` of DINO's multi-crop wrapper, the others of Hugging Face's models with a head.
    private static let prefixes = [
        "module.", "backbone.", "vit.", "dinov2.", "dinov2_with_registers.", "dinov3_vit.",
    ]
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
        var found: [String: String] = [:]
        for name in names where name.hasPrefix(root) {
            let short = WeightNames.asInFiles(WeightNames.short(name.dropFirst(root.count)))
            guard found.updateValue(name, forKey: short) == nil else {
                throw .ambiguous(path: path, name: short)
            }
        }
        self.names = found
        // Block by block the names are the same but for the number.
        var counts: [String: Int] = [:]
        for name in found.keys { counts[WeightNames.withoutNumber(name).name, default: 0] += 1 }
        let kinds = VisionTransformer.Configuration.everyParameter
        func explained(_ naming: WeightNaming) -> Int {
            let parts = Set(kinds.flatMap { naming.parts(of: $0) } + [naming.periods])
            return parts.reduce(0) { $0 + ($1.flatMap { counts[$0] } ?? 0) }
        }
        // Of equals the first: it is the simplest.
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

    /// Tells timm's names of gated layers from the official ones of a perceptron, which are the same: there the
    /// first layer is twice as wide as what the second takes.
    mutating func tellGates(_ shape: (String) -> Shape?) {
        let (first, second) = ("blocks.0.mlp.fc1.weight", "blocks.0.mlp.fc2.weight")
        guard naming.naming == .official, let hidden = names[first].flatMap(shape),
            let output = names[second].flatMap(shape), hidden.rank == 2, output.rank == 2,
            hidden[0] % 2 == 0, hidden[0] / 2 == output[1]
        else { return }
        naming.naming = .timm
    }

    /// The names in the file of the tensors that make a parameter, nil for zeros and for what is missing;
    /// nil where there is none of them.
    func parts(of parameter: String) -> [String?]? {
        let parts = naming.parts(of: parameter).map { $0.flatMap { names[$0] } }
        return parts.allSatisfy { $0 == nil } ? nil : parts
    }

    /// The name in the file of a tensor that is no parameter; nil where there is none.
    func other(_ name: String) -> String? { names[name] }

    /// The names in the file that are not among some, in order.
    func leftOver(besides used: Set<String>) -> [String] {
        names.values.filter { !used.contains($0) }.sorted()
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

    /// Whether it is an official file of DINOv3's ViT-L for satellite images, which alone of its size has a norm
    /// for the class tokens of small crops.
    func isOfSatellite(width: Int) -> Bool {
        width == 1024 && naming == WeightNaming(naming: .official, family: .dinov3)
            && other("local_cls_norm.weight") != nil
    }

    /// Whether a tensor is of a head, a pooler, or of training alone.
    static func isUseless(_ name: Substring) -> Bool {
        let pieces = short(name).split(separator: ".")
        let useless: Set<Substring> = [
            "head", "classifier", "pooler", "dino_head", "ibot_head", "dino_loss",
            "ibot_patch_loss", "projectors", "local_cls_norm", "mask_token",
        ]
        return pieces.prefix(2) == ["embeddings", "mask_token"]
            || pieces.first.map(useless.contains) ?? false
    }

    /// A name with `#` for the number of its block.
    private static func withoutNumber(_ name: String) -> (name: String, number: Substring?) {
        var pieces = name.split(separator: ".", omittingEmptySubsequences: false)
        guard let place = pieces.firstIndex(where: { Int($0) != nil }) else { return (name, nil) }
        let number = pieces[place]
        pieces[place] = "#"
        return (pieces.joined(separator: "."), number)
    }

    /// The name that a tensor has in a file, of one that has another in memory: transformers from version 5
    /// on renames as it loads, and dinov2 trains its blocks in groups (`blocks.GROUP.NUMBER`).
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
    /// The official names of all parameters that a network can have, `#` for the block's number.
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
