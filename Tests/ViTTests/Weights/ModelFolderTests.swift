import Foundation
import Tensors
import Testing
import ViT

/// A model of Hugging Face's transformers in a folder with its config.json; make_model_folders.py made it
/// and the output of transformers.
@Suite struct ModelFolderTests {
    private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Fixtures/ModelFolders")

    private func fixture(_ name: String) -> String {
        Self.fixtures.appending(path: name).path
    }

    /// The heads (3, not 12 / 64) and the epsilon of the norms (1e-3) are those of config.json.
    @Test(arguments: [
        ("whole", 1), ("whole/", 1), ("whole/model.safetensors", 1), ("sharded", 3),
        ("sharded/model.safetensors.index.json", 3), ("pickled", 2),
        ("pickled/pytorch_model.bin.index.json", 2),
    ])
    func outputMatchesTransformers(name: String, files: Int) throws {
        let file = try WeightFile(contentsOf: fixture("") + "/" + name)
        #expect(file.naming == .huggingFace && !file.headsAreAssumed && file.files.count == files)
        #expect(file.configuration.heads == 3 && file.configuration.layerNormEpsilon == 1e-3)
        let model = try file.network()
        let tap = FeatureTap(layer: 1, facet: .token)
        let tokens = model.features(of: try Tensor(npy: fixture("pixels.npy")), at: [tap])[tap]
        let output = try Tensor(npy: fixture("output.npy"))
        #expect(relativeError(model.norm(tokens), output) < 1e-6)
    }

    /// Settings from config.json are kept in the file that is written.
    @Test func headsAndEpsilonAreWritten() throws {
        try withCopy { folder in
            let path = folder + "/out.safetensors"
            let weights = try VisionTransformer(contentsOf: folder)
            try FileManager.default.removeItem(atPath: folder + "/config.json")
            try weights.write(to: path)
            let file = try WeightFile(contentsOf: path)
            #expect(file.configuration == weights.configuration && !file.headsAreAssumed)
            #expect(file.metadata.isEmpty)
        }
    }

    /// Heads come from the caller, else the file, else config.json, else from the width.
    @Test func givenHeadsTakePrecedence() throws {
        try withCopy { folder in
            #expect(try WeightFile(contentsOf: folder, heads: 2).configuration.heads == 2)
            try rewrite(folder) { $0["num_attention_heads"] = nil }
            let error = #expect(throws: WeightsError.self) { try WeightFile(contentsOf: folder) }
            #expect(error?.description.contains("must be given") == true)
            #expect(try WeightFile(contentsOf: folder, heads: 6).configuration.heads == 6)
            // config.json does not apply to a file with official names beside it.
            let path = folder + "/official.safetensors"
            let weights = try VisionTransformer(contentsOf: folder, heads: 4)
            try weights.write(to: path)
            try Data("no JSON".utf8).write(to: URL(filePath: folder + "/config.json"))
            #expect(try WeightFile(contentsOf: path).configuration.heads == 4)
        }
    }

    @Test(arguments: [
        ("hidden_size", "768", "hidden_size is 768, but 12 in the tensors"),
        ("num_hidden_layers", "3", "num_hidden_layers is 3, but 2 in the tensors"),
        ("intermediate_size", "48", "intermediate_size is 48, but 20 in the tensors"),
        ("patch_size", "16", "patch_size is 16, but 8 in the tensors"),
        ("patch_size", "[16, 16]", "patch_size has an unexpected type"),
        ("num_attention_heads", "5", "not divisible by 5 heads"),
        ("num_attention_heads", "0", "not divisible by 0 heads"),
        ("num_attention_heads", "-3", "not divisible by -3 heads"),
        ("num_attention_heads", "\"three\"", "num_attention_heads has an unexpected type"),
        ("num_register_tokens", "4", "num_register_tokens is 4, but 0 in the tensors of"),
        ("hidden_act", "\"quick_gelu\"", "hidden_act is quick_gelu; expected gelu"),
        ("layer_norm_eps", "-1e-6", "expected 0 to 1"),
        ("layer_norm_eps", "1e30", "expected 0 to 1"),
        ("layer_norm_eps", "1e300", "cannot be decoded"),
        ("num_attention_heads", "1e400", "cannot be decoded"),
    ])
    func rejectsConfigurationsThatDoNotFit(key: String, value: String, part: String) throws {
        try withCopy { folder in
            try rewrite(folder) { $0[key] = value }
            let error = #expect(throws: WeightsError.self) { try WeightFile(contentsOf: folder) }
            #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
            #expect(error?.description.hasPrefix(folder) == true)
        }
    }

    @Test(arguments: [
        "", "{", "[1]", "null", String(repeating: "[", count: 1 << 20), "{\"a\": \u{0}}",
    ])
    func rejectsMalformedConfigurations(text: String) throws {
        try withCopy { folder in
            try Data(text.utf8).write(to: URL(filePath: folder + "/config.json"))
            let error = #expect(throws: WeightsError.self) { try WeightFile(contentsOf: folder) }
            #expect(error?.description.hasPrefix(folder + "/config.json") == true)
            let longer = [UInt8](repeating: 32, count: 1 << 20) + Array(text.utf8) + [32]
            try Data(longer).write(to: URL(filePath: folder + "/config.json"))
            let tooLong = #expect(throws: WeightsError.self) { try WeightFile(contentsOf: folder) }
            #expect(tooLong?.description.contains("expected at most") == true)
        }
    }

    /// Runs `body` with a temporary copy of the folder `whole`.
    private func withCopy(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.copyItem(atPath: fixture("whole"), toPath: folder)
        try body(folder)
    }

    /// Changes values of config.json, which are given as JSON texts by key.
    private func rewrite(_ folder: String, _ change: (inout [String: String]) -> Void) throws {
        let path = folder + "/config.json"
        let data = try Data(contentsOf: URL(filePath: path))
        let object = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
        var texts = try object.mapValues { value in
            String(
                decoding: try JSONSerialization.data(
                    withJSONObject: value, options: .fragmentsAllowed), as: UTF8.self)
        }
        change(&texts)
        let fields = texts.map { "\"\($0)\": \($1)" }.joined(separator: ", ")
        try Data("{\(fields)}".utf8).write(to: URL(filePath: path))
    }
}
