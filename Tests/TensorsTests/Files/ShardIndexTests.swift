import Foundation
import Tensors
import Testing

/// Models in several files; ViTTests reads those of transformers.
@Suite struct ShardIndexTests {
    /// Runs `body` with a folder of two shards: `a` and `b` in the first, `c` and another `a` in the second.
    private func withShards(_ index: String, _ body: (String) throws -> Void) throws {
        try withDirectory { folder in
            try Safetensors.write(
                ["a": Tensor([1], shape: [1]), "b": Tensor([2, 3], shape: [2])],
                metadata: ["format": "pt"], to: folder + "/1.safetensors")
            try Safetensors.write(
                ["c": Tensor([4], shape: [1]), "a": Tensor([5], shape: [1])],
                to: folder + "/2.safetensors")
            try Data(index.utf8).write(
                to: URL(filePath: folder + "/model.safetensors.index.json"))
            try body(folder)
        }
    }

    @Test(arguments: ["", "/", "/model.safetensors.index.json"])
    func readsShardsNamedByIndex(suffix: String) throws {
        let index = """
            {"metadata": {"total_size": 1.6e1, "x": [true, null, {"y": "}"}]}, "weight_map":
             {"b": "1.safetensors", "a": "2.safetensors", "c": "2.safetensors"}, "more": -1}
            """
        try withShards(index) { folder in
            let file = try TensorFile(contentsOf: folder + suffix)
            #expect(file.format == .safetensors && file.files.count == 2)
            #expect(file.files.allSatisfy { $0.hasPrefix(folder) })
            #expect(Set(file.names) == ["a", "b", "c"])
            #expect(try file.tensor(named: "a").elements == [5], "from the wrong file")
            #expect(try file.tensor(named: "b").elements == [2, 3])
            #expect(try file.tensor(named: "c").elements == [4])
            #expect(file.metadata == ["format": "pt"])
        }
    }

    @Test(arguments: [
        (#"{"weight_map": {"a": "../1.safetensors"}}"#, "name of a file beside it"),
        (#"{"weight_map": {"a": "/etc/passwd"}}"#, "name of a file beside it"),
        (#"{"weight_map": {"a": "x/../1.safetensors"}}"#, "name of a file beside it"),
        (#"{"weight_map": {"a": "..", "b": "1.safetensors"}}"#, "name of a file beside it"),
        (#"{"weight_map": {"a": "1.safetensors\u0000.json"}}"#, "name of a file beside it"),
        (#"{"weight_map": {"a": ""}}"#, "name of a file beside it"),
        (
            #"{"weight_map": {"a": "\#(String(repeating: "x", count: 256))"}}"#,
            "name of a file beside it"
        ),
        (#"{"weight_map": {"a": "model.safetensors.index.json"}}"#, "unknown format"),
        (#"{"weight_map": {"a": "3.safetensors"}}"#, "No such file"),
        (#"{"weight_map": {"d": "1.safetensors"}}"#, "lacks it"),
        (#"{"weight_map": {"a": "1.safetensors", "a": "2.safetensors"}}"#, "twice"),
        (#"{"weight_map": {}}"#, "names 0 files"),
        (#"{"metadata": {}}"#, "names 0 files"),
        (#"{"weight_map": {"a": 1}}"#, "not understood"),
        (#"{"weight_map": ["a"]}"#, "not understood"),
        (#"{"weight_map": {"a": "1.safetensors"}} x"#, "not understood"),
        (#"{"weight_map": {"a": "1.safetensors"}"#, "not understood"),
        (#"{"metadata": nothing}"#, "not understood"),
        (#"{"metadata": }"#, "not understood"),
        (
            #"{"metadata": "# + String(repeating: "[", count: 100_000)
                + String(repeating: "]", count: 100_000) + "}", "not understood"
        ),
    ])
    func rejectsInvalidIndexes(index: String, part: String) throws {
        try withShards(index) { folder in
            let error = #expect(throws: TensorFileError.self) {
                try TensorFile(contentsOf: folder)
            }
            let message = error?.description ?? ""
            #expect(message.contains(part) && message.hasPrefix(folder), "\(message)")
        }
    }

    @Test func rejectsTooManyShardsAndTooLongIndexes() throws {
        let entries = (0..<1000).map { #""\#($0)": "\#($0).bin""# }.joined(separator: ",")
        try withShards("{\"weight_map\": {\(entries)}}") { folder in
            let error = #expect(throws: TensorFileError.self) {
                try TensorFile(contentsOf: folder)
            }
            #expect(error?.description.contains("1000 files") == true)
        }
        try withShards("{\"x\": \"" + String(repeating: " ", count: 1 << 22) + "\"}") { folder in
            let error = #expect(throws: TensorFileError.self) {
                try TensorFile(contentsOf: folder)
            }
            #expect(error?.description.contains("expected at most") == true)
        }
    }

    @Test func findsWeightsOfFolderByName() throws {
        try withDirectory { folder in
            let empty = #expect(throws: TensorFileError.self) {
                try TensorFile(contentsOf: folder)
            }
            #expect(empty?.description.contains("pytorch_model.bin") == true)
            for (value, name) in ["pytorch_model.bin", "model.safetensors"].enumerated() {
                let tensor = Tensor([Float(value)], shape: [1])
                try Safetensors.write(["a": tensor], to: folder + "/" + name)
                let file = try TensorFile(contentsOf: folder)
                #expect(file.files == [folder + "/" + name] && file.path == folder)
                #expect(try file.tensor(named: "a") == tensor)
            }
        }
    }
}
