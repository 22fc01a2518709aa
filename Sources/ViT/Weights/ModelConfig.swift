import Foundation
import Platform
import Tensors

/// What the `config.json` of a Hugging Face model says of its network, of which tensors tell a part:
/// the keys of transformers' `ViTConfig` and `Dinov2WithRegistersConfig` that matter here. Others are
/// passed over.
struct ModelConfig: Codable, Hashable, Sendable {
    var hiddenSize: Int?
    var numHiddenLayers: Int?
    var numAttentionHeads: Int?
    var intermediateSize: Int?
    var patchSize: Int?
    var numRegisterTokens: Int?
    var hiddenAct: String?
    var layerNormEps: Float?

    enum CodingKeys: String, CodingKey, CaseIterable {
        case hiddenSize = "hidden_size"
        case numHiddenLayers = "num_hidden_layers"
        case numAttentionHeads = "num_attention_heads"
        case intermediateSize = "intermediate_size"
        case patchSize = "patch_size"
        case numRegisterTokens = "num_register_tokens"
        case hiddenAct = "hidden_act"
        case layerNormEps = "layer_norm_eps"
    }

    /// The longest file that is read; those of models have a few kilobytes.
    private static let limit = 1 << 20

    /// Reads the `config.json` in the folder of a weight file, or in a folder; nil where there is none.
    ///
    /// - Throws: `WeightsError.config` where it is not understood or tells of a network of another
    ///   kind; `WeightsError.file` where it cannot be read.
    static func of(weights path: String) throws(WeightsError) -> (path: String, config: Self)? {
        let folder = FileSystem.isFolder(path) ? path : Path.folder(of: path)
        let path = Path.joined(folder, "config.json")
        let text: [UInt8]?
        do {
            text = try ModelFiles.text(at: path, limit: limit)
        } catch {
            throw .file(error)
        }
        guard let text else { return nil }
        let config: ModelConfig
        do {
            config = try JSONDecoder().decode(ModelConfig.self, from: Data(text))
        } catch DecodingError.typeMismatch(_, let context) {
            let key = context.codingPath.last?.stringValue
            throw .config(path: path, reason: "\(key ?? "its content") is of an unexpected kind")
        } catch {
            throw .config(path: path, reason: "it is not understood; expected an object of JSON")
        }
        try config.check(path)
        return (path, config)
    }

    /// Throws where the network is none that can be computed here.
    private func check(_ path: String) throws(WeightsError) {
        if let count = numRegisterTokens, count != 0 {
            throw .config(
                path: path,
                reason: "num_register_tokens is \(count); networks with registers are not read yet")
        }
        if let hiddenAct, hiddenAct != "gelu" {
            throw .config(
                path: path, reason: "hidden_act is \(hiddenAct.prefix(40)); expected gelu")
        }
        if let layerNormEps, !(0...1).contains(layerNormEps) {
            throw .config(
                path: path, reason: "layer_norm_eps is \(layerNormEps); expected 0 to 1")
        }
    }

    /// Throws where the tensors of a file are those of another network.
    func check(
        _ configuration: VisionTransformer.Configuration, of weights: String, _ path: String
    ) throws(WeightsError) {
        let facts: [(CodingKeys, told: Int?, found: Int)] = [
            (.hiddenSize, hiddenSize, configuration.width),
            (.numHiddenLayers, numHiddenLayers, configuration.depth),
            (.intermediateSize, intermediateSize, configuration.hiddenWidth),
            (.patchSize, patchSize, configuration.patchSize),
        ]
        for (key, told, found) in facts {
            guard let told, told != found else { continue }
            throw .config(
                path: path,
                reason: "\(key.rawValue) is \(told), and \(found) in the tensors of \(weights)")
        }
    }
}
