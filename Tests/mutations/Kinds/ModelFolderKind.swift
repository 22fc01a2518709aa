import Platform
import Tensors
import ViT

/// A JSON file of a model folder, whose weights are valid and split into two files.
struct ModelFolderKind: Kind {
    let name: String
    let fileName: String
    let seeds: [[UInt8]]
    /// The other files, by name.
    private let others: [(name: String, bytes: [UInt8])]

    static func config() throws -> ModelFolderKind {
        try ModelFolderKind(name: "config", mutating: configName)
    }

    static func index() throws -> ModelFolderKind {
        try ModelFolderKind(name: "index", mutating: indexName)
    }

    private init(name: String, mutating fileName: String) throws {
        self.name = name
        self.fileName = fileName
        let files = try Self.files()
        seeds = files.filter { $0.name == fileName }.map(\.bytes)
        others = files.filter { $0.name != fileName }
    }

    private static let configName = "config.json"
    private static let indexName = "model.safetensors.index.json"

    private static func files() throws -> [(name: String, bytes: [UInt8])] {
        let tensors = Fixtures.model.tensors
        let names = tensors.keys.sorted()
        let shards = [names.prefix(names.count / 2), names.dropFirst(names.count / 2)]
        var files: [(name: String, bytes: [UInt8])] = []
        var map: [String] = []
        for (number, names) in shards.enumerated() {
            let shard = "model-0000\(number + 1)-of-00002.safetensors"
            let part = tensors.filter { names.contains($0.key) }
            files.append((shard, try Fixtures.written { try Safetensors.write(part, to: $0) }))
            map += names.map { "\"\($0)\": \"\(shard)\"" }
        }
        let index =
            "{\"metadata\": {\"total_size\": 12345}, "
            + "\"weight_map\": {\(map.joined(separator: ", "))}}"
        let network = Fixtures.network
        let config = """
            {"architectures": ["ViTModel"], "hidden_act": "gelu", "hidden_size": \(network.width),
            "image_size": 8, "intermediate_size": \(network.hiddenWidth), "layer_norm_eps": 1e-06,
            "model_type": "vit", "num_attention_heads": \(network.heads), "num_channels": 3,
            "num_hidden_layers": \(network.depth), "patch_size": \(network.patchSize),
            "qkv_bias": true, "dropout": 0.0}
            """
        return files + [(configName, Array(config.utf8)), (indexName, Array(index.utf8))]
    }

    func restructured(_ bytes: [UInt8], using random: inout Xoshiro256) -> [UInt8]? {
        JSONText.mutated(bytes, using: &random)
    }

    func prepare(_ folder: String) throws {
        for (name, bytes) in others {
            try ReplacingFile.write(to: Path.joined(folder, name)) { file throws(SystemError) in
                try file.write(bytes)
            }
        }
    }

    func use(_ path: String) throws { try WeightsKind.use(Path.folder(of: path)) }
}
