import Foundation
import Tensors
import Testing
import ViT

/// Miniatures of DINOv2's and DINOv3's networks, against the official code, transformers and timm;
/// `Fixtures/make_families.py` made the fixtures.
@Suite struct FamiliesTests {
    static let names = [
        "dinov2", "dinov2_registers", "dinov2_swiglu", "dinov3", "dinov3_gated",
    ]

    private let temporary = TemporaryFile()

    static func path(_ name: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Fixtures/Families/\(name)").path
    }

    static func network(_ name: String) throws -> VisionTransformer {
        try VisionTransformer(contentsOf: path(name + ".official.safetensors"), heads: 2)
    }

    private func written(
        _ configuration: VisionTransformer.Configuration, naming: Naming
    ) throws -> VisionTransformer.Configuration {
        let path = FileManager.default.temporaryDirectory
            .appending(path: "dino-vit-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        var generator = Xoshiro256(seed: 1)
        try VisionTransformer(untrained: configuration, using: &generator)
            .write(to: path, naming: naming)
        return try WeightFile(contentsOf: path).configuration
    }

    /// Shapes alone do not tell 2x8 positions from 4x4.
    @Test func positionGridsNeedNotBeSquare() throws {
        let configuration = VisionTransformer.Configuration(
            width: 64, depth: 1, heads: 1, patchSize: 8,
            positionGrid: PatchGrid(rows: 2, columns: 8))
        #expect(try written(configuration, naming: .official) == configuration)
        for naming in [Naming.timm, .huggingFace] {
            #expect(throws: TensorFileError.self) { try written(configuration, naming: naming) }
        }
    }

    @Test func rotaryBaseIsKept() throws {
        var configuration = VisionTransformer.Configuration(
            width: 64, depth: 1, heads: 1, patchSize: 8)
        configuration.positions = .rotary(
            periods: RotaryPositions(headWidth: 64, base: 30).periods)
        configuration.hasKeyBias = false
        configuration.hasLayerScale = true
        configuration.hasMaskToken = true  // which files of DINOv3 always have
        configuration.layerNormEpsilon = 1e-5
        for naming in [Naming.official, .huggingFace] {
            #expect(try written(configuration, naming: naming) == configuration)
        }
        #expect(throws: TensorFileError.self) { try written(configuration, naming: .timm) }
        var generator = Xoshiro256(seed: 1)
        let network = VisionTransformer(untrained: configuration, using: &generator)
        #expect(!network.hasRoundedPeriods)
    }

    /// An entry of a features file of make_families.py: RULE.HxW.sVxH.LAYER.FACET.
    private struct Entry {
        let rule: PositionRule
        let image: String
        let stride: PatchStride
        let tap: FeatureTap

        init?(_ name: String) {
            let parts = name.split(separator: ".").map(String.init)
            guard parts.count == 5, let layer = Int(parts[3]),
                let facet = Facet(rawValue: parts[4]),
                let rule = PositionRule(rawValue: parts[0])
            else { return nil }
            let steps = parts[2].dropFirst().split(separator: "x").compactMap { Int($0) }
            self.rule = rule
            image = "image." + parts[1]
            stride = PatchStride(vertical: steps[0], horizontal: steps[1])
            tap = FeatureTap(layer: layer, facet: facet)
        }
    }

    @Test(arguments: names)
    func featuresMatchReferences(name: String) throws {
        let file = try TensorFile(contentsOf: Self.path(name + ".features.safetensors"))
        var checked = 0
        for key in file.names {
            guard let entry = Entry(key) else { continue }
            var network = try Self.network(name)
            network.followPositions(of: entry.rule)
            let found = network.features(
                of: try file.tensor(named: entry.image), at: [entry.tap], stride: entry.stride)
            let expected = try file.tensor(named: key)
            #expect(found[entry.tap].shape == expected.shape)
            // Both round each of two layers in their own order, about 1e-6 in all; a softmax amplifies it
            // by the magnitude of its scores.
            let bound = entry.tap.facet == .classAttention ? 5e-5 : 2e-5
            let error = relativeError(found[entry.tap], expected)
            #expect(error <= bound, "\(key): \(error)")
            checked += 1
        }
        #expect(checked > 20)
    }

    private struct Names: Decodable {
        var huggingface: [String: [Int]]
        var timm: [String: [Int]]
    }

    private struct Reference: Decodable {
        var config: Config
    }

    private struct Config: Decodable {
        var architectures: [String]
        var modelType: String
        var hiddenSize: Int
        var numAttentionHeads: Int
        var numHiddenLayers: Int
        var patchSize: Int
        var hiddenAct: String
        var layerNormEps: Double
        var mlpRatio: Double?
        var intermediateSize: Int?
        var numRegisterTokens: Int?
        var useGatedMlp: Bool?
        var useSwigluFfn: Bool?
    }

    @Test(arguments: names)
    func namingsMatchTheirToolsAndKeepTheNetwork(name: String) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let network = try Self.network(name)
        let text = try Data(contentsOf: URL(fileURLWithPath: Self.path(name + ".names.json")))
        let expected = try JSONDecoder().decode(Names.self, from: text)
        for naming in Naming.allCases {
            let path = folder + "/" + naming.rawValue
            try network.write(to: path, naming: naming)
            let file = try TensorFile(contentsOf: path)
            let shapes = Dictionary(
                uniqueKeysWithValues: file.names.map { ($0, file.shape(of: $0)?.dimensions) })
            switch naming {
            case .official:
                let official = try TensorFile(
                    contentsOf: Self.path(name + ".official.safetensors"))
                // Periods are written even if the official file has none.
                #expect(
                    Set(official.names).union(
                        name == "dinov3_gated" ? ["rope_embed.periods"] : [])
                        == Set(file.names))
            case .timm: #expect(shapes == expected.timm)
            case .huggingFace: #expect(shapes == expected.huggingface)
            }
            let weights = try WeightFile(contentsOf: path)
            // timm uses DINOv2's own names if there are neither registers nor gates.
            #expect(weights.naming == (name == "dinov2" && naming == .timm ? .official : naming))
            #expect(!weights.headsAreAssumed)
            let reread = try weights.network()
            let image = try TensorFile(contentsOf: Self.path(name + ".features.safetensors"))
                .tensor(named: name.hasPrefix("dinov2") ? "image.28x42" : "image.32x48")
            if network.hasRoundedPeriods && naming != .official {
                #expect(!reread.hasRoundedPeriods)
                continue
            }
            var configuration = network.configuration
            // timm has no mask token.
            if naming == .timm { configuration.hasMaskToken = false }
            #expect(reread.configuration == configuration)
            #expect(reread.maskToken == (naming == .timm ? nil : network.maskToken))
            #expect(identical(reread.embeddings(of: image), network.embeddings(of: image)))
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let expectedConfig = try decoder.decode(Reference.self, from: text).config
        let config = try decoder.decode(
            Config.self,
            from: Data(contentsOf: URL(fileURLWithPath: folder + "/huggingface/config.json")))
        #expect(config.architectures == expectedConfig.architectures)
        #expect(config.modelType == expectedConfig.modelType)
        #expect(config.hiddenAct == expectedConfig.hiddenAct)
        #expect(config.hiddenSize == expectedConfig.hiddenSize)
        #expect(config.numAttentionHeads == expectedConfig.numAttentionHeads)
        #expect(config.numHiddenLayers == expectedConfig.numHiddenLayers)
        #expect(config.patchSize == expectedConfig.patchSize)
        #expect(Float(config.layerNormEps) == Float(expectedConfig.layerNormEps))
        #expect(config.numRegisterTokens == expectedConfig.numRegisterTokens)
        #expect(config.useGatedMlp == expectedConfig.useGatedMlp)
        #expect((config.useSwigluFfn ?? false) == (expectedConfig.useSwigluFfn ?? false))
        #expect(config.mlpRatio == expectedConfig.mlpRatio)
        #expect(config.intermediateSize == expectedConfig.intermediateSize)
    }

    @Test(arguments: ["dinov2_registers", "dinov2_swiglu", "dinov3"])
    func gradientsMatchPyTorch(name: String) throws {
        let file = try TensorFile(contentsOf: Self.path(name + ".gradients.safetensors"))
        let image = try file.tensor(named: "image")
        let classWeights = try file.tensor(named: "classWeights")
        let patchWeights = try file.tensor(named: "patchWeights")
        let network = try Self.network(name)
        let tap = FeatureTap(layer: -1, facet: .normedToken)
        var gradients = Gradients(of: network)
        let loss = valueWithGradient(at: network, addingTo: &gradients) { network in
            let features = network.features(of: image, at: [tap])
            let tokens = features[tap]
            // The registers have weights of zero.
            let weights = Tensor(shape: tokens.shape) { elements in
                elements.update(repeating: 0)
                let (count, width) = (tokens.shape[1], tokens.shape[2])
                let patches = features.layout.patches
                for sample in 0..<tokens.shape[0] {
                    for channel in 0..<width {
                        elements[sample * count * width + channel] = classWeights[sample, channel]
                        for patch in patches {
                            elements[(sample * count + patch) * width + channel] =
                                patchWeights[sample, patch - patches.lowerBound, channel]
                        }
                    }
                }
            }
            return tokens.weightedSum(weights)
        }
        let expected = try file.tensor(named: "loss")
        #expect(abs(loss[] - expected[0]) <= 1e-5 * max(1, abs(expected[0])))
        var checked = 0
        for (parameter, gradient) in zip(network.parameters, gradients.tensors) {
            let key = "gradient." + parameter.name
            guard file.names.contains(key) else { continue }
            let gradient = try #require(gradient, "\(parameter.name)")
            let reference = try file.tensor(named: key)
            // Products and sums in another order, through two blocks.
            let error = relativeError(gradient.reshaped(to: reference.shape), reference)
            #expect(error <= 1e-4, "\(key): \(error)")
            checked += 1
        }
        #expect(checked > 20)
    }

    @Test(
        arguments: [
            ([1, 0, 2, 3], "period"), ([1, 2, 3], "periods"), ([1, .nan, 2, 3], "period"),
        ] as [([Float], String)])
    func rejectsInvalidPeriods(values: [Float], part: String) throws {
        let path = temporary.path
        let original = try TensorFile(contentsOf: Self.path("dinov3.official.safetensors"))
        var tensors: [String: Tensor] = [:]
        for name in original.names { tensors[name] = try original.tensor(named: name) }
        tensors["rope_embed.periods"] = Tensor(values, shape: [values.count])
        try Safetensors.write(tensors, to: path)
        let error = #expect(throws: WeightsError.self) {
            _ = try WeightFile(contentsOf: path, heads: 2)
        }
        #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
    }

    /// In transformers the hidden width is a whole multiple of the width.
    @Test func refusesToWriteNetworksThatTransformersLacks() throws {
        var configuration = VisionTransformer.Configuration(
            width: 32, depth: 1, heads: 2, patchSize: 14, hiddenWidth: 48,
            positionGrid: PatchGrid(rows: 2, columns: 2))
        configuration.hasLayerScale = true
        var generator = SplitMix64(seed: 1)
        let network = VisionTransformer(untrained: configuration, using: &generator)
        let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
        let error = #expect(throws: TensorFileError.self) {
            try network.write(to: path, naming: .huggingFace)
        }
        #expect(error?.description.contains("48 hidden channels") == true)
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    /// In double precision, from the queries and keys, which are tested against PyTorch above.
    @Test func registerAttentionMatchesFormula() throws {
        let network = try Self.network("dinov2_registers")
        let image = try TensorFile(contentsOf: Self.path("dinov2_registers.features.safetensors"))
            .tensor(named: "image.28x42")
        let facets = [Facet.query, .key, .registerAttention]
        let taps = facets.map { FeatureTap(layer: 1, facet: $0) }
        let features = network.features(of: image, at: taps)
        let (query, key) = (features[taps[0]], features[taps[1]])
        let (tokens, width) = (query.shape[1], query.shape[2] / 2)
        #expect(features[taps[2]].shape == [1, 4 * 2, tokens])
        for register in 0..<4 {
            for head in 0..<2 {
                let scores = (0..<tokens).map { token in
                    (0..<width).reduce(0.0) {
                        let channel = head * width + $1
                        return $0 + Double(query[0, 1 + register, channel])
                            * Double(key[0, token, channel])
                    } / Double(width).squareRoot()
                }
                let sum = scores.reduce(0) { $0 + exp($1) }
                for token in 0..<tokens {
                    let found = Double(features[taps[2]][0, 2 * register + head, token])
                    #expect(abs(found - exp(scores[token]) / sum) < 1e-6)
                }
            }
        }
        let patches = features.registerAttention(inLayer: 1)
        #expect(patches.shape == [8, features.grid.count])
        #expect(patches[3, 0] == features[taps[2]][0, 3, 5])
    }

    /// DINOv2 groups blocks for sharded training, and its checkpoints have projection heads.
    @Test func readsGroupedBlocksAndProjectionHeads() throws {
        let path = temporary.path
        let network = try Self.network("dinov2_registers")
        var tensors: [String: Tensor] = [
            "teacher.dino_head.last_layer.weight": Tensor([1], shape: [1])
        ]
        for (name, tensor) in network.tensors {
            let grouped = name.replacing("blocks.0.", with: "blocks.0.0.")
                .replacing("blocks.1.", with: "blocks.1.1.")
            tensors["teacher.backbone." + grouped] = tensor
        }
        try Safetensors.write(tensors, metadata: ["num_heads": "2"], to: path)
        let file = try WeightFile(contentsOf: path)
        #expect(file.source == "teacher" && file.leftOver.count == 1)
        #expect(try file.network().tensors == network.tensors)
    }
}
