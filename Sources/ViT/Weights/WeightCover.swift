import Tensors

/// The mapping from a network's parameters to the tensors of a file.
struct WeightCover {
    /// The tensors that make up each parameter, by its official name; nil stands for zeros.
    private(set) var sources: [String: [String?]] = [:]
    /// The mask tensors that parameters are multiplied by, by official name.
    private(set) var masks: [String: String] = [:]
    private(set) var leftOver: [String] = []
    let lacksAttentionBias: Bool

    /// Checks that a file has every tensor of a network in its shape, and no unknown ones.
    init(
        of configuration: VisionTransformer.Configuration, _ shapes: WeightFileShapes
    ) throws(WeightsError) {
        let (file, names) = (shapes.file, shapes.names)
        let expected = configuration.parameterShapes
        let biases = ".attn.qkv.bias"
        lacksAttentionBias = expected.allSatisfy {
            !$0.name.hasSuffix(biases) || names.parts(of: $0.name) == nil
        }
        var missing: [String] = []
        var used: Set<String> = []
        var elements = 0
        for (name, shape) in expected {
            let isBias = name.hasSuffix(biases)
            guard let parts = names.parts(of: name) else {
                if !(isBias && lacksAttentionBias) {
                    missing += names.naming.parts(of: name).compactMap { $0 }
                }
                continue
            }
            used.formUnion(parts.compactMap { $0 })
            // Without key biases, some files omit that tensor.
            let wanted = names.naming.parts(of: name)
            let absent = parts.indices.filter { parts[$0] == nil && wanted[$0] != nil }
            let isSpared = isBias && !configuration.hasKeyBias && absent == [1]
            guard absent.isEmpty || isSpared else {
                missing += absent.compactMap { wanted[$0] }
                continue
            }
            let found = try shapes.shape(of: name)
            guard
                found == shape || WeightCover.lacksClassCode(name, found, shape)
                    || name == VisionTransformer.maskTokenName && found?.count == shape.count
            else {
                throw shapes.misshapen(name, found ?? [], "\(shape)")
            }
            sources[name] = parts
            elements += shape.count
            // Tensors of a pickle may share storage; this keeps memory in proportion to the file.
            guard elements <= file.maximumElementCount else {
                throw .file(
                    .damaged(
                        path: file.path,
                        reason: "its tensors have \(elements) elements in \(file.byteCount) bytes"))
            }
            if isBias, let mask = names.other(name + "_mask") {
                guard file.shape(of: mask) == shape else {
                    throw shapes.misshapen(mask, file.shape(of: mask) ?? [], "\(shape)")
                }
                masks[name] = mask
                used.insert(mask)
            }
        }
        if let periods = names.naming.periods.flatMap(names.other) { used.insert(periods) }
        let rest = names.leftOver(besides: used)
        func isIgnorable(_ name: String) -> Bool {
            WeightNames.isIgnorable(name.dropFirst(names.root.count))
        }
        leftOver = rest.filter(isIgnorable)
        let refused = rest.filter { !isIgnorable($0) }
        guard missing.isEmpty && refused.isEmpty else {
            throw .notCovering(path: file.path, missing: missing, leftOver: refused)
        }
    }

    /// Whether the class token's position code is absent, as in timm's files of networks with registers.
    private static func lacksClassCode(_ name: String, _ found: Shape?, _ shape: Shape) -> Bool {
        name == "pos_embed" && found == [1, shape[1] - 1, shape[2]]
    }
}
