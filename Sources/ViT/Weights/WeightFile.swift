import Tensors

/// A weight file, opened and found to cover a vision transformer; no parameter has been read yet.
///
/// Understood are all formats of `TensorFile` that have names, holding
/// - a state dict with the names of DINO and timm,
/// - one with the names of Hugging Face's ViT, whose query, key and value are joined,
/// - a checkpoint with such a dictionary as `teacher`, else `student`, `state_dict` or `model`,
///
/// in which the prefixes `module.`, `backbone.` and `vit.` are dropped. A classifier, a projection
/// head or a pooler (`head.`, `classifier.`, `pooler.`) may be left over. A model without any
/// `qkv.bias` gets zeros there.
public struct WeightFile: Sendable {
    /// The architecture, read off the tensors' shapes. What shapes do not tell, the epsilon of the
    /// layer norms, is DINO's 1e-6.
    public let configuration: VisionTransformer.Configuration
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

    private let file: TensorFile
    private let sources: [String: [String]]

    /// Where a safetensors file written here says how many heads there are.
    package static let headsKey = "num_heads"
    /// What is in the metadata of every file that is written here, for those who read it.
    static let ownKeys: Set<String> = ["format", headsKey]

    /// Opens a file and checks names and shapes. Complexity: O(header).
    ///
    /// - Parameter heads: attention heads; nil for what the file's metadata says or else one for
    ///   each 64 channels.
    public init(contentsOf path: String, heads: Int? = nil) throws(WeightsError) {
        let file: TensorFile
        do {
            file = try TensorFile(contentsOf: path)
        } catch {
            throw .file(error)
        }
        let names = try WeightNames(file.names, path: path)
        let shapes = WeightFileShapes(file: file, names: names)
        let given =
            heads
            ?? (file.format == .safetensors ? file.metadata[Self.headsKey] : nil)
            .flatMap { Int($0) }
        let configuration = try shapes.configuration(heads: given)
        let cover = try shapes.checkCover(of: configuration)
        self.configuration = configuration
        metadata =
            file.format == .safetensors
            ? file.metadata.filter { !Self.ownKeys.contains($0.key) } : [:]
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
    }

    /// The number of parameters of the model.
    public var parameterCount: Int { configuration.parameterCount }

    /// Reads the parameters, each straight into its place.
    ///
    /// Complexity: O(parameters); memory for the result and one parameter at most.
    public func weights() throws(WeightsError) -> VisionTransformer.Weights {
        var tensors: [String: Tensor] = [:]
        for (name, shape) in configuration.weightShapes {
            guard let parts = sources[name] else {
                tensors[name] = Tensor(repeating: 0, shape: shape)
                continue
            }
            do {
                let tensor =
                    parts.count == 1
                    ? try file.tensor(named: parts[0]) : try file.rows(of: parts)
                tensors[name] = tensor.reshaped(to: shape)
            } catch {
                throw .file(error)
            }
        }
        return VisionTransformer.Weights(configuration: configuration, tensors: tensors)
    }
}
