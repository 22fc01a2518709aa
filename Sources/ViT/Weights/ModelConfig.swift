import Foundation
import Platform
import Tensors

/// The contents of a model's `config.json`, which supplement the tensors: the relevant keys of transformers'
/// `ViTConfig`, `Dinov2Config`, `Dinov2WithRegistersConfig` and `DINOv3ViTConfig`, and timm's normalisation. Other
/// keys are ignored.
struct ModelConfig: Codable, Hashable, Sendable {
    var architectures: [String]?
    var modelType: String?
    var hiddenSize: Int?
    var numHiddenLayers: Int?
    var numAttentionHeads: Int?
    var intermediateSize: Int?
    var mlpRatio: Double?
    var imageSize: Int?
    var patchSize: Int?
    var numRegisterTokens: Int?
    var hiddenAct: String?
    var layerNormEps: Float?
    var useSwigluFfn: Bool?
    var useGatedMlp: Bool?
    var keyBias: Bool?
    var ropeTheta: Float?
    var pretrainedCfg: TimmInput?

    /// timm's colour normalisation.
    struct TimmInput: Codable, Hashable, Sendable {
        var mean: [Float]?
        var std: [Float]?
    }

    /// The largest accepted file in bytes; those of models have a few kilobytes.
    private static let limit = 1 << 20

    /// Reads the `config.json` in a folder, or in the folder of a weight file; nil if there is none.
    ///
    /// - Throws: `WeightsError.config` if it is malformed or describes an unsupported network; `WeightsError.file`
    ///   if it cannot be read.
    static func of(weights path: String) throws(WeightsError) -> (path: String, config: Self)? {
        guard let (place, config) = try read(Self.self, "config.json", besides: path) else {
            return nil
        }
        try config.check(place)
        return (place, config)
    }

    /// Reads a JSON object from a file next to a weight file.
    static func read<Value: Decodable>(
        _: Value.Type, _ name: String, besides path: String
    ) throws(WeightsError) -> (path: String, value: Value)? {
        let folder = FileSystem.isFolder(path) ? path : Path.folder(of: path)
        let path = Path.joined(folder, name)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let text: [UInt8]?
        do {
            text = try ModelFiles.text(at: path, limit: limit)
        } catch {
            throw .file(error)
        }
        guard let text else { return nil }
        do {
            return (path, try decoder.decode(Value.self, from: Data(text)))
        } catch DecodingError.typeMismatch(_, let context) {
            let key = context.codingPath.last?.stringValue
            throw .config(
                path: path,
                reason: "\(key.map(snakeCase) ?? "its content") has an unexpected type")
        } catch {
            throw .config(path: path, reason: "it cannot be decoded; expected a JSON object")
        }
    }

    /// Throws if the network is not supported.
    private func check(_ path: String) throws(WeightsError) {
        // Gated networks of DINOv3 apply this activation to the gates.
        let expected = useGatedMlp == true ? "silu" : "gelu"
        if let hiddenAct, hiddenAct != expected {
            throw .config(
                path: path, reason: "hidden_act is \(hiddenAct.prefix(40)); expected \(expected)")
        }
        if let layerNormEps, !(0...1).contains(layerNormEps) {
            throw .config(
                path: path, reason: "layer_norm_eps is \(layerNormEps); expected 0 to 1")
        }
        if let ropeTheta, !(1...1_000_000).contains(ropeTheta) {
            throw .config(path: path, reason: "rope_theta is \(ropeTheta); expected 1 to 1000000")
        }
        if keyBias == true {
            throw .config(path: path, reason: "key_bias is true; expected false, as in DINOv3")
        }
    }

    /// Throws if the file contradicts the tensors.
    func check(
        _ configuration: VisionTransformer.Configuration, of weights: String, _ path: String
    ) throws(WeightsError) {
        let facts: [(String, stated: Int?, found: Int)] = [
            ("hidden_size", hiddenSize, configuration.width),
            ("num_hidden_layers", numHiddenLayers, configuration.depth),
            ("intermediate_size", intermediateSize, configuration.hiddenWidth),
            ("patch_size", patchSize, configuration.patchSize),
            ("num_register_tokens", numRegisterTokens, configuration.registers),
        ]
        for (key, stated, found) in facts {
            guard let stated, stated != found else { continue }
            throw .config(
                path: path, reason: "\(key) is \(stated), but \(found) in the tensors of \(weights)"
            )
        }
    }
}

extension ModelConfig {
    /// The configuration that transformers needs to open a network's weights.
    ///
    /// - Throws: `TensorFileError.unsupported` if transformers has no such network.
    init(
        _ configuration: VisionTransformer.Configuration, writing path: String
    ) throws(TensorFileError) {
        hiddenSize = configuration.width
        numHiddenLayers = configuration.depth
        numAttentionHeads = configuration.heads
        patchSize = configuration.patchSize
        layerNormEps = configuration.layerNormEpsilon
        hiddenAct = "gelu"
        let isGated = configuration.feedForward == .swiGLU
        let hidden = configuration.hiddenWidth
        if case .learnt(let grid) = configuration.positions {
            imageSize = grid.rows * configuration.patchSize
        }
        switch configuration.family {
        case .dino:
            (modelType, architectures) = ("vit", ["ViTModel"])
            intermediateSize = hidden
        case .dinov2:
            let hasRegisters = configuration.registers > 0
            modelType = hasRegisters ? "dinov2_with_registers" : "dinov2"
            architectures = [hasRegisters ? "Dinov2WithRegistersModel" : "Dinov2Model"]
            if hasRegisters { numRegisterTokens = configuration.registers }
            if isGated { useSwigluFfn = true }
            // transformers derives the hidden width from an integral ratio; with gates it takes two thirds of the
            // product, rounded up to a multiple of 8.
            let ratio = (1...64).first { ratio in
                let whole = ratio * configuration.width
                return hidden == (isGated ? (whole * 2 / 3 + 7) / 8 * 8 : whole)
            }
            guard let ratio else {
                throw .unsupported(
                    path: path,
                    reason: "transformers has no DINOv2 of width \(configuration.width) with"
                        + " \(hidden) hidden channels")
            }
            mlpRatio = Double(ratio)
        case .dinov3:
            (modelType, architectures) = ("dinov3_vit", ["DINOv3ViTModel"])
            intermediateSize = hidden
            numRegisterTokens = configuration.registers
            if case .rotary(let periods) = configuration.positions {
                ropeTheta = RotaryPositions(periods: periods).base
            }
            keyBias = false
            useGatedMlp = isGated
            hiddenAct = isGated ? "silu" : "gelu"
        }
    }
}

/// The colour normalisation in a `preprocessor_config.json`.
struct PreprocessorConfig: Codable {
    var imageProcessorType: String?
    var imageMean: [Float]?
    var imageStd: [Float]?
}

/// Converts camel case to snake case: `hidden_size` for `hiddenSize`.
private func snakeCase(_ name: String) -> String {
    name.reduce(into: "") { text, letter in
        text += letter.isUppercase ? "_" + letter.lowercased() : String(letter)
    }
}
