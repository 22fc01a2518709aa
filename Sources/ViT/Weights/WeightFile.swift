import Platform
import Tensors

/// A weight file that has been opened and checked to cover a vision transformer; its parameters have not been read
/// yet.
///
/// All formats of `TensorFile` with named tensors are supported, containing
/// - a state dict with the names of DINO, DINOv2 or DINOv3, of timm or of transformers, or
/// - a checkpoint with such a dictionary as `teacher` (`teacher_backbone`, `momentum_backbone`), else `student`
///   (`student_backbone`), `state_dict` or `model`.
///
/// Prefixes of modules that wrap a model are dropped. Heads, poolers and tensors used only in training are ignored.
/// A model without any `qkv.bias` gets zeros there.
public struct WeightFile: Sendable {
    /// The architecture, inferred from the tensors' names and shapes. The number of heads and the epsilon of the
    /// layer norms, which these do not determine, come from the file's metadata or the `config.json` next to it; by
    /// default there is one head per 64 channels and the epsilon is that of the published networks.
    public let configuration: VisionTransformer.Configuration
    /// Whether the number of heads was not specified anywhere, so that one per 64 channels is assumed.
    public let headsAreAssumed: Bool
    /// The path that was opened.
    public let path: String
    /// The format of the file.
    public let format: TensorFile.Format
    /// The naming scheme of the tensors. (For networks of the original DINO timm's names are the official ones, and
    /// `official` is reported.)
    public let naming: Naming
    /// The dictionary of a checkpoint that is used, for example `teacher`; empty if the file itself is the state
    /// dict.
    public let source: String
    /// The number of parameters stored as each element type.
    public let elementTypes: [ElementType: Int]
    /// The names of tensors that are ignored.
    public let leftOver: [String]
    /// Whether the file lacks the biases of query, key and value in every block.
    public let lacksAttentionBias: Bool

    /// The precision of the integers in which the linear maps of the blocks are stored; nil: all are floats.
    public var precision: Precision? { quantized.precision }

    /// Further metadata of a safetensors file.
    public let metadata: [String: String]

    /// The files that hold the tensors: the file itself, or the parts of a model folder or an index.
    public var files: [String] { file.files }

    private let file: TensorFile
    private let sources: [String: [String?]]
    private let masks: [String: String]
    private let quantized: QuantizedNames

    /// Metadata keys for what shapes do not determine, in safetensors files that this package writes.
    private static let headsKey = "num_heads"
    private static let epsilonKey = "layer_norm_eps"
    private static let gridKey = "position_grid"
    private static let meanKey = "image_mean"
    private static let deviationKey = "image_std"
    private static let saliencyKey = "saliency_threshold"
    static let precisionKey = "precision"

    /// The metadata of every weight file that this package writes.
    package static func metadata(
        for configuration: VisionTransformer.Configuration
    ) -> [String: String] {
        var texts = [
            "format": "pt", headsKey: "\(configuration.heads)",
            epsilonKey: "\(configuration.layerNormEpsilon)",
        ]
        let normalization = configuration.normalization
        if normalization != .imageNet {
            func text(_ values: [Float]) -> String {
                values.map { "\($0)" }.joined(separator: " ")
            }
            texts[meanKey] = text(normalization.mean)
            texts[deviationKey] = text(normalization.standardDeviation)
        }
        texts[saliencyKey] = configuration.saliencyThreshold.map { "\($0)" }
        if case .learnt(let grid) = configuration.positions, grid.rows != grid.columns {
            texts[gridKey] = "\(grid.rows) \(grid.columns)"
        }
        return texts
    }

    /// Applies those of the texts for a file's header that describe the network, and removes them: `saliency_threshold`,
    /// and `image_mean` with `image_std`.
    ///
    /// - Returns: a message about a text that cannot be applied, or whose name is used by the package; nil if there is none.
    package static func apply(
        _ texts: inout [String: String], to configuration: inout VisionTransformer.Configuration
    ) -> String? {
        for name in ["format", headsKey, epsilonKey, gridKey, precisionKey] where texts[name] != nil
        {
            return "\(name) is written by the package itself"
        }
        if let text = texts.removeValue(forKey: saliencyKey) {
            guard let threshold = Float(text) else {
                return "\(saliencyKey) \(text) is not a number"
            }
            configuration.saliencyThreshold = threshold
        }
        let mean = texts.removeValue(forKey: meanKey).map(numbers)
        let deviation = texts.removeValue(forKey: deviationKey).map(numbers)
        if let mean, let deviation {
            configuration.normalization = Normalization(mean: mean, standardDeviation: deviation)
        } else if mean != nil || deviation != nil {
            return "\(meanKey) and \(deviationKey) describe a normalisation together"
        }
        return configuration.fault
    }

    private static func numbers(in text: String) -> [Float] {
        text.split(separator: " ").compactMap { Float($0) }
    }

    /// The colour normalisation given by the file's metadata, or else by the JSON files in its folder; nil if none.
    private static func normalization(
        _ texts: [String: String], _ config: ModelConfig?, _ path: String?
    ) throws(WeightsError) -> Normalization? {
        func values(_ key: String) -> [Float]? {
            texts[key].map(numbers)
        }
        let name = "preprocessor_config.json"
        var other: (path: String, value: PreprocessorConfig)?
        if let path { other = try ModelConfig.read(PreprocessorConfig.self, name, besides: path) }
        let hints = [
            (values(meanKey), values(deviationKey)),
            (other?.value.imageMean, other?.value.imageStd),
            (config?.pretrainedCfg?.mean, config?.pretrainedCfg?.std),
        ]
        for case (let mean?, let deviation?) in hints {
            let normalization = Normalization(mean: mean, standardDeviation: deviation)
            if let fault = normalization.fault {
                throw .config(path: other?.path ?? path ?? name, reason: fault)
            }
            return normalization
        }
        return nil
    }

    /// Opens a file and checks the tensors' names and shapes.
    ///
    /// A `config.json` is read in a folder, and next to a file with timm's or Hugging Face's names.
    ///
    /// - Parameters:
    ///   - path: a file, the index of a model in several files, or a folder with either.
    ///   - heads: the number of attention heads; nil: that in the file's metadata or `config.json`, or else one per
    ///     64 channels.
    /// - Throws: `WeightsError` if the file cannot be read, or does not hold a supported network.
    /// - Complexity: O(header).
    public init(contentsOf path: String, heads: Int? = nil) throws(WeightsError) {
        let file: TensorFile
        do {
            file = try TensorFile(contentsOf: path)
        } catch {
            throw .file(error)
        }
        let texts = file.format == .safetensors ? file.metadata : [:]
        let quantized = try QuantizedNames(file, texts[Self.precisionKey])
        var names = try WeightNames(
            file.names.filter { !quantized.scales.contains($0) }, path: path)
        names.detectGatedLayers(file.shape(of:))
        let hasConfig = names.naming.naming != .official || FileSystem.isFolder(path)
        let found = hasConfig ? try ModelConfig.of(weights: path) : nil
        let hints = WeightFileShapes.Hints(
            heads: heads ?? texts[Self.headsKey].flatMap { Int($0) }
                ?? found?.config.numAttentionHeads,
            epsilon: texts[Self.epsilonKey].flatMap { Float($0) }.flatMap { 0...1 ~= $0 ? $0 : nil }
                ?? found?.config.layerNormEps, rotaryBase: found?.config.ropeTheta,
            positionGrid: texts[Self.gridKey]?.split(separator: " ").map { Int($0) ?? 0 })
        let shapes = WeightFileShapes(file: file, names: names)
        var configuration = try shapes.configuration(hints)
        configuration.normalization =
            try Self.normalization(texts, found?.config, hasConfig ? path : nil)
            ?? (names.isOfSatellite(width: configuration.width) ? .satellite : .imageNet)
        configuration.saliencyThreshold = texts[Self.saliencyKey].flatMap { Float($0) }
        if let fault = configuration.fault {
            throw .file(.damaged(path: path, reason: fault))
        }
        if let (place, config) = found { try config.check(configuration, of: path, place) }
        let cover = try WeightCover(of: configuration, shapes)
        self.configuration = configuration
        headsAreAssumed = hints.heads == nil && names.naming.periods.flatMap(names.other) == nil
        let own = Self.metadata(for: configuration)
        let read = [Self.precisionKey, Self.meanKey, Self.deviationKey]
        metadata = texts.filter { own[$0.key] == nil && !read.contains($0.key) }
        try quantized.check(cover.sources, of: file)
        self.quantized = quantized
        self.path = path
        self.file = file
        format = file.format
        naming = names.naming.naming
        source = String(names.root.dropLast())
        sources = cover.sources
        masks = cover.masks
        leftOver = cover.leftOver
        lacksAttentionBias = cover.lacksAttentionBias
        var types: [ElementType: Int] = [:]
        for name in cover.sources.values.joined() {
            guard let name, let type = file.elementType(of: name), let shape = file.shape(of: name)
            else { continue }
            types[type, default: 0] += shape.count
        }
        elementTypes = types
        if quantized.precision == nil, let type = types.keys.first(where: { !$0.isFloat }) {
            throw .file(
                .unsupported(
                    path: path,
                    reason: "its parameters have the type \(type.rawValue), as if quantised;"
                        + " expected floats"))
        }
    }

    /// The JSON files next to the weights that describe them, such as index and configuration, and `path` itself.
    package var companions: [String] {
        let folder = FileSystem.isFolder(path) ? path : Path.folder(of: path)
        return ModelFiles.textNames.map { Path.joined(folder, $0) }
            .filter { FileSystem.kind(of: $0) != nil } + [path]
    }

    /// The number of parameters.
    public var parameterCount: Int { configuration.parameterCount }

    /// Reads the parameters, each directly into its place.
    ///
    /// - Parameter precision: the precision that the network is prepared for (``VisionTransformer/prepared(for:)``),
    ///   block by block as it is read, so that only one block's weights are in memory twice; nil: the network is not
    ///   prepared, but stored integers are used as such. Integers of one precision cannot be used with another; with
    ///   float32 they become floats.
    /// - Returns: the network.
    /// - Throws: `WeightsError.file` if the file cannot be read, or has integers of another precision; `notFinite` if a
    ///   parameter has elements that are infinite or not a number.
    /// - Complexity: O(parameters); memory for the result and one parameter at most, or one block if it is prepared.
    public func network(
        for precision: Precision? = nil
    ) throws(WeightsError) -> VisionTransformer {
        if let stored = quantized.precision, let precision, precision != .float32,
            precision != stored
        {
            throw .file(
                .unsupported(
                    path: path,
                    reason: "its weights are stored as \(stored.rawValue); they cannot be used as"
                        + " \(precision.rawValue)"))
        }
        var damaged: [NonFiniteParameter] = []
        func integers(_ name: String) throws(WeightsError) -> IntegerFactor? {
            guard quantized.precision != nil, precision != .float32,
                let parts = sources[name], quantized.has(parts)
            else { return nil }
            return try integerFactor(parts)
        }
        var network = try VisionTransformer(
            configuration,
            from: ParameterSource(
                precision: precision,
                quantized: { name, _ throws(WeightsError) in try integers(name) }
            ) { name, shape, _ throws(WeightsError) in
                let tensor = try parameter(name, shape)
                if let fault = NonFiniteParameter(name, tensor) { damaged.append(fault) }
                return tensor
            })
        guard damaged.isEmpty else { throw .notFinite(path: path, damaged) }
        if precision != nil {
            network.patchEmbedding.projection.prepare(for: .float32)
            // Frees the buffers of the floats that have been packed: a pass needs other sizes.
            StoragePool.shared.drain()
        }
        return network
    }

    /// Reads a quantised matrix, whose parts are joined by rows.
    private func integerFactor(
        _ parts: [String?]
    ) throws(WeightsError) -> IntegerFactor {
        let names = parts.compactMap { $0 }
        let types = Set(names.map { file.elementType(of: $0) })
        guard types.count == 1 else {
            throw .file(.damaged(path: path, reason: "the parts of \(names[0]) differ in type"))
        }
        let bits = types == [.int8] ? 8 : 16
        let (integers, scales): (Tensor, Tensor)
        do {
            integers = try file.rows(of: names)
            scales = try file.rows(of: names.map(QuantizedNames.scale))
        } catch {
            throw .file(error)
        }
        let fault = integers.withUnsafeElements { elements in
            let columns = integers.shape[1]
            return scales.withUnsafeElements { scales -> String? in
                for (row, scale) in scales.enumerated() {
                    let run = UnsafeBufferPointer(
                        rebasing: elements[row * columns..<(row + 1) * columns])
                    if let fault = IntegerFactor.fault(run, scale: scale, bits: bits) {
                        return "row \(row) of \(names[0]) \(fault)"
                    }
                }
                return nil
            }
        }
        if let fault { throw .file(.damaged(path: path, reason: fault)) }
        return IntegerFactor(integers: integers, scales: scales, bits: bits)
    }

    /// Reads all parameters and returns those with elements that are infinite or not a number, in the model's
    /// order.
    ///
    /// - Throws: `WeightsError.file` if the file cannot be read.
    /// - Complexity: O(parameters); memory for the largest parameter.
    public func nonFiniteParameters() throws(WeightsError) -> [NonFiniteParameter] {
        var damaged: [NonFiniteParameter] = []
        for (name, shape) in configuration.parameterShapes {
            if let fault = NonFiniteParameter(name, try parameter(name, shape)) {
                damaged.append(fault)
            }
        }
        return damaged
    }

    /// Reads the parameter with an official name.
    private func parameter(_ name: String, _ shape: Shape) throws(WeightsError) -> Tensor {
        guard let parts = sources[name] else { return Tensor(repeating: 0, shape: shape) }
        if quantized.has(parts) {
            return try integerFactor(parts).matrix.reshaped(to: shape)
        }
        do {
            var tensor = try read(parts, shape)
            if let mask = masks[name] {
                tensor = tensor.scaledColumns(by: try file.tensor(named: mask))
            }
            if !configuration.hasKeyBias && name.hasSuffix(".attn.qkv.bias") {
                let width = configuration.width
                tensor.withUnsafeMutableElements {
                    $0[width..<2 * width].update(repeating: 0)
                }
            }
            if name == "pos_embed" && tensor.count < shape.count {
                // The file's class token already includes its code.
                let none = Tensor(repeating: 0, shape: [1, shape[2]])
                tensor = .concatenated([none, tensor.reshaped(to: [tensor.shape[1], shape[2]])])
            }
            return tensor.reshaped(to: shape)
        } catch {
            throw .file(error)
        }
    }

    private func read(_ parts: [String?], _ shape: Shape) throws(TensorFileError) -> Tensor {
        let names = parts.compactMap { $0 }
        guard names.count < parts.count else {
            return names.count == 1
                ? try file.tensor(named: names[0]) : try file.rows(of: names)
        }
        var tensors: [Tensor] = []
        for part in parts {
            let zeros = Tensor(repeating: 0, shape: [shape.count / parts.count])
            tensors.append(
                try part.map { name throws(TensorFileError) in
                    try file.tensor(named: name)
                } ?? zeros)
        }
        return .concatenated(tensors)
    }
}

extension VisionTransformer {
    /// Opens a transformer from a weight file; `WeightFile` lists the supported formats.
    ///
    /// - Parameters:
    ///   - path: a file, the index of a model in several files, or a folder with either.
    ///   - heads: the number of attention heads; nil: that given by the file, or else one per 64 channels.
    /// - Throws: `WeightsError` if the file cannot be read, or does not hold a supported network.
    public init(contentsOf path: String, heads: Int? = nil) throws(WeightsError) {
        self = try WeightFile(contentsOf: path, heads: heads).network()
    }
}
