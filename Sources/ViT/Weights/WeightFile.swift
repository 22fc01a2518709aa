import Platform
import Tensors

/// A weight file, opened and found to cover a vision transformer; no parameter has been read yet.
///
/// Understood are all formats of `TensorFile` that have names, holding
/// - a state dict with the names of DINO and timm,
/// - one with the names of Hugging Face's ViT, whose query, key and value are joined,
/// - a checkpoint with such a dictionary as `teacher` (`teacher_backbone`, `momentum_backbone`), else
///   `student` (`student_backbone`), `state_dict` or `model`,
///
/// in which the prefixes `module.`, `backbone.`, `vit.` and `_orig_mod.` are dropped. A classifier, a projection
/// head or a pooler (`head.`, `classifier.`, `pooler.`) may be left over. A model without any
/// `qkv.bias` gets zeros there.
public struct WeightFile: Sendable {
    /// The architecture, read off the tensors' shapes. What shapes do not tell, the heads and the
    /// epsilon of the layer norms, is taken from the file's metadata or the `config.json` beside it,
    /// and else is one head for each 64 channels and DINO's 1e-6.
    public let configuration: VisionTransformer.Configuration
    /// Whether nothing told the number of heads, so that it is width / 64.
    public let headsAreAssumed: Bool
    public let path: String
    public let format: TensorFile.Format
    /// Whether the names are those of Hugging Face's ViT.
    public let hasHuggingFaceNames: Bool
    /// The dictionary of a checkpoint that is read, `teacher` for example; empty where the file
    /// itself is the state dict.
    public let source: String
    /// What the parameters are in the file, with their number.
    public let elementTypes: [ElementType: Int]
    /// Names beside the model that are passed over: those of a head.
    public let leftOver: [String]
    /// Whether the file lacks the biases of query, key and value in every block.
    public let lacksAttentionBias: Bool

    /// Short texts that say more of the weights, of a safetensors file.
    public let metadata: [String: String]

    /// The files that hold the tensors: the file itself, or those of a folder or an index.
    public var files: [String] { file.files }

    private let file: TensorFile
    private let sources: [String: [String]]

    /// Where a safetensors file written here says what shapes do not tell.
    private static let headsKey = "num_heads"
    private static let epsilonKey = "layer_norm_eps"

    /// What is in the metadata of every file of weights that is written here, for those who read it.
    package static func metadata(
        for configuration: VisionTransformer.Configuration
    ) -> [String: String] {
        [
            "format": "pt", headsKey: "\(configuration.heads)",
            epsilonKey: "\(configuration.layerNormEpsilon)",
        ]
    }

    /// Opens a file and checks names and shapes. Complexity: O(header).
    ///
    /// A `config.json` is read in a folder, and beside a file with Hugging Face's names.
    ///
    /// - Parameters:
    ///   - path: a file, the index of a model in several files, or a folder with one of them.
    ///   - heads: attention heads; nil for what the file's metadata or the `config.json` says, or else
    ///     one for each 64 channels.
    public init(contentsOf path: String, heads: Int? = nil) throws(WeightsError) {
        let file: TensorFile
        do {
            file = try TensorFile(contentsOf: path)
        } catch {
            throw .file(error)
        }
        let names = try WeightNames(file.names, path: path)
        let isOfHuggingFace = names.scheme == .huggingFace || FileSystem.isFolder(path)
        let found = isOfHuggingFace ? try ModelConfig.of(weights: path) : nil
        let texts = file.format == .safetensors ? file.metadata : [:]
        let heads =
            heads ?? texts[Self.headsKey].flatMap { Int($0) } ?? found?.config.numAttentionHeads
        let epsilon =
            texts[Self.epsilonKey].flatMap { Float($0) }.flatMap { 0...1 ~= $0 ? $0 : nil }
            ?? found?.config.layerNormEps
        let shapes = WeightFileShapes(file: file, names: names)
        let configuration = try shapes.configuration(heads: heads, epsilon: epsilon)
        if let (place, config) = found { try config.check(configuration, of: path, place) }
        let cover = try shapes.checkCover(of: configuration)
        self.configuration = configuration
        headsAreAssumed = heads == nil
        let own = Self.metadata(for: configuration)
        metadata = texts.filter { own[$0.key] == nil }
        self.path = path
        self.file = file
        format = file.format
        hasHuggingFaceNames = names.scheme == .huggingFace
        source = String(names.root.dropLast())
        sources = cover.sources
        leftOver = cover.leftOver
        lacksAttentionBias = cover.lacksAttentionBias
        var types: [ElementType: Int] = [:]
        for name in cover.sources.values.joined() {
            guard let type = file.elementType(of: name), let shape = file.shape(of: name) else {
                continue
            }
            types[type, default: 0] += shape.count
        }
        elementTypes = types
        if let type = types.keys.first(where: { !$0.isFloat }) {
            throw .file(
                .unsupported(
                    path: path,
                    reason: "its parameters are of type \(type.rawValue), as quantised ones are;"
                        + " expected floats"))
        }
    }

    /// The texts that a model folder has beside its weights, which tell of them: the index and the
    /// configuration.
    package var companions: [String] {
        let folder = FileSystem.isFolder(path) ? path : Path.folder(of: path)
        return ModelFiles.textNames.map { Path.joined(folder, $0) }
            .filter { FileSystem.kind(of: $0) != nil } + [path]
    }

    /// The number of parameters of the model.
    public var parameterCount: Int { configuration.parameterCount }

    /// Reads the parameters, each straight into its place.
    ///
    /// Complexity: O(parameters); memory for the result and one parameter at most.
    ///
    /// - Throws: `WeightsError.file` where the file cannot be read, `notFinite` where a parameter has
    ///   elements that are infinite or not a number.
    public func weights() throws(WeightsError) -> VisionTransformer.Weights {
        var tensors: [String: Tensor] = [:]
        let damaged = try read { tensors[$0] = $1 }
        guard damaged.isEmpty else { throw .notFinite(path: path, damaged) }
        return VisionTransformer.Weights(configuration: configuration, tensors: tensors)
    }

    /// The parameters that have elements that are infinite or not a number, in the model's order.
    ///
    /// Complexity: O(parameters); memory for the largest parameter.
    public func nonFiniteParameters() throws(WeightsError) -> [NonFiniteParameter] {
        try read { _, _ in }
    }

    private func read(
        _ body: (String, Tensor) -> Void
    ) throws(WeightsError) -> [NonFiniteParameter] {
        var damaged: [NonFiniteParameter] = []
        for (name, shape) in configuration.weightShapes {
            guard let parts = sources[name] else {
                body(name, Tensor(repeating: 0, shape: shape))
                continue
            }
            do {
                let tensor =
                    parts.count == 1
                    ? try file.tensor(named: parts[0]) : try file.rows(of: parts)
                if let parameter = NonFiniteParameter(name, tensor) { damaged.append(parameter) }
                body(name, tensor.reshaped(to: shape))
            } catch {
                throw .file(error)
            }
        }
        return damaged
    }
}
