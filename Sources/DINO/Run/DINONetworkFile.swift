import Tensors
import ViT

/// A file with a trained network to learn from: a checkpoint of this package or of main_dino.py, of
/// which the teacher is taken with its head, or weights without one.
///
/// Without a head, one of a single layer with its starting weights stands in, which says where an
/// embedding lies among random directions (Johnson and Lindenstrauss 1984).
public struct DINONetworkFile: Sendable {
    /// What tells one teacher from another, short of its weights.
    public struct Description: Sendable, Codable, Hashable {
        public var network: VisionTransformer.Configuration
        public var head: DINOHead.Options
    }

    public let path: String
    public let description: Description
    /// Whether nothing told the number of heads, so that it is width / 64.
    public var headsAreAssumed: Bool { backbone.headsAreAssumed }
    private let backbone: WeightFile
    private let file: TensorFile
    /// What stands before the names of the head's parameters; nil where there is none.
    private let prefix: String?

    /// Opens a file and checks names and shapes. Complexity: O(header).
    ///
    /// - Parameters:
    ///   - heads: attention heads; nil for what the file says or else width / 64.
    ///   - prototypes: the outputs of the head that stands in where the file has none.
    /// - Throws: `WeightsError`, `TensorFileError`, ``TrainingRunError/noHead(path:reason:)`` where
    ///   there is part of a head.
    public init(contentsOf path: String, heads: Int? = nil, prototypes: Int) throws {
        let backbone = try WeightFile(contentsOf: path, heads: heads)
        let file = try TensorFile(contentsOf: path)
        let last = "head.last_layer.weight_v"
        let name = file.names.first { $0.hasPrefix(backbone.source) && $0.hasSuffix(last) }
        guard let name, let shape = file.shape(of: name), shape.rank == 2 else {
            var head = DINOHead.Options(prototypes: prototypes)
            head.layers = 1
            description = Description(network: backbone.configuration, head: head)
            self.path = path
            self.backbone = backbone
            self.file = file
            prefix = nil
            return
        }
        let prefix = String(name.dropLast("last_layer.weight_v".count))
        var head = DINOHead.Options(prototypes: shape[0])
        head.bottleneckWidth = shape[1]
        let weights = file.names.filter {
            $0.hasPrefix(prefix + "mlp.") && $0.hasSuffix("weight")
        }
        head.layers = weights.filter { file.shape(of: $0)?.rank == 2 }.count
        head.hasBatchNorm = weights.contains { file.shape(of: $0)?.rank == 1 }
        if let first = file.shape(of: prefix + "mlp.0.weight"), first.rank == 2 {
            head.hiddenWidth = first[0]
        }
        guard head.layers > 0, shape.count <= file.byteCount,
            head.hiddenWidth * head.bottleneckWidth <= file.byteCount
        else { throw TrainingRunError.noHead(path: path, reason: "its tensors do not make one") }
        description = Description(network: backbone.configuration, head: head)
        self.path = path
        self.backbone = backbone
        self.file = file
        self.prefix = prefix
    }

    /// Reads the network. Complexity: O(parameters).
    ///
    /// - Throws: `WeightsError`, also where a parameter of the network or its head is not finite;
    ///   `TensorFileError`, ``TrainingRunError/noHead(path:reason:)``.
    public func network() throws -> DINONetwork {
        var generator = SplitMix64(seed: 0)
        var head = DINOHead(
            inputWidth: description.network.width, options: description.head, using: &generator)
        var damaged: [NonFiniteParameter] = []
        if let prefix {
            try head.forEachParameter { name, parameter in
                let found = file.shape(of: prefix + name)
                guard found == parameter.shape else {
                    let shown = found.map { "\($0)" } ?? "missing"
                    throw TrainingRunError.noHead(
                        path: path,
                        reason: "\(prefix)\(name) is \(shown), expected \(parameter.shape)")
                }
                parameter = try file.tensor(named: prefix + name)
                if let found = NonFiniteParameter("head.\(name)", parameter) {
                    damaged.append(found)
                }
            }
        }
        guard damaged.isEmpty else { throw WeightsError.notFinite(path: path, damaged) }
        return DINONetwork(backbone: try backbone.network(), head: head)
    }
}
