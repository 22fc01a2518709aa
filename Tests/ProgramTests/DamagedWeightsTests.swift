import Foundation
import Tensors
import Testing
import ViT

/// No command writes results from weights that are not finite, or too large to compute with.
@Suite struct DamagedWeightsTests {
    let folder = TemporaryFolder()

    /// Writes the fixture's network with one element changed.
    private func write(
        _ value: Float, into name: String, to file: String, factor: Float = 1
    ) throws -> String {
        var network = try VisionTransformer(contentsOf: Fixtures.weights, heads: 6)
        network.forEachParameter { found, tensor in
            guard found == name else { return }
            tensor.withUnsafeMutableElements { elements in
                for i in elements.indices { elements[i] *= factor }
                elements[5] = value
            }
        }
        try network.write(to: folder[file])
        return folder[file]
    }

    private func commands(_ photos: String) -> [[String]] {
        [
            ["extract", Fixtures.first], ["saliency", Fixtures.first],
            ["attention", Fixtures.first], ["match", Fixtures.first, Fixtures.second],
            ["inspect", Fixtures.first, Fixtures.second], ["pca", Fixtures.first],
            ["segment", photos], ["parts", photos],
        ]
    }

    private func photos() throws -> String {
        try folder.makeFolder("photos")
        for photo in [Fixtures.first, Fixtures.second] {
            try FileManager.default.copyItem(
                atPath: photo,
                toPath: folder["photos/" + URL(fileURLWithPath: photo).lastPathComponent])
        }
        return folder["photos"]
    }

    @Test(arguments: [Float.nan, -.infinity])
    func everyCommandRejectsNonFiniteWeights(value: Float) throws {
        let weights = try write(value, into: "blocks.1.mlp.fc1.bias", to: "damaged.safetensors")
        for command in commands(try photos()) {
            let outcome = try Program.run(
                command + ["--weights", weights, "--load-size", "48"]
                    + ["--output", folder["results"]])
            #expect(outcome.status == 1, "\(command[0])")
            #expect(
                outcome.message
                    == "error: the weights in \(weights) are not finite:"
                    + " blocks.1.mlp.fc1.bias[5] is \(value)", "\(command[0]): \(outcome.errors)")
            #expect(folder.names(in: "results").isEmpty, "\(command[0])")
        }
        let info = try Program.run(["weights", "info", weights])
        #expect(info.status == 0 && info.errors.isEmpty)
        #expect(info.output.contains("\nnot finite:     blocks.1.mlp.fc1.bias[5] is \(value)\n"))
        let sound = try Program.run(["weights", "info", Fixtures.weights, "--heads", "6"])
        #expect(!sound.output.contains("not finite"))
        let converted = try Program.run(
            ["weights", "convert", weights, folder["out.safetensors"]])
        #expect(converted.status == 1 && converted.message?.contains("not finite") == true)
        #expect(!folder.names().contains("out.safetensors"))
    }

    /// Finite weights whose products are infinite, which the first forward pass detects.
    @Test func commandsRejectWeightsThatOverflow() throws {
        for name in ["blocks.0.attn.qkv.weight", "blocks.1.mlp.fc2.weight"] {
            let weights = try write(3e38, into: name, to: "large.safetensors", factor: 1e38)
            for command in commands(try photos()) where command[0] != "match" {
                // The last layer's tokens depend on all blocks, its attention only on the first.
                if name.hasPrefix("blocks.1"), command[0] != "extract" { continue }
                let facet = command[0] == "extract" ? ["--facet", "token"] : []
                let outcome = try Program.run(
                    command + facet + ["--weights", weights, "--load-size", "48"]
                        + ["--output", folder["results"]])
                #expect(outcome.status == 1, "\(command[0])")
                #expect(
                    outcome.message?.contains("are not finite, or too large") == true,
                    "\(command[0]): \(outcome.errors)")
                #expect(folder.names(in: "results").isEmpty, "\(command[0])")
            }
            try FileManager.default.removeItem(atPath: folder["photos"])
        }
    }

    @Test func trainingRejectsNonFiniteWeights() throws {
        let training = try Training(count: 8)
        #expect(try training.train("first", epochs: 1).status == 0)
        let path = training.folder["first/checkpoint.safetensors"]
        let file = try TensorFile(contentsOf: path)
        for (option, name) in [
            ("--init-weights", "teacher.backbone.norm.weight"),
            ("--teacher-weights", "teacher.backbone.blocks.1.norm1.bias"),
        ] {
            var tensors: [String: Tensor] = [:]
            for name in file.names { tensors[name] = try file.tensor(named: name) }
            tensors[name]?.withUnsafeMutableElements { $0[7] = .nan }
            let damaged = folder["checkpoint.safetensors"]
            try Safetensors.write(tensors, metadata: file.metadata, to: damaged)
            let outcome = try training.train("again", epochs: 1, [option, damaged])
            let parameter = name.replacing("teacher.backbone.", with: "").replacing(
                "teacher.", with: "")
            #expect(outcome.status == 1)
            #expect(
                outcome.errors.contains(
                    "the weights in \(damaged) are not finite: \(parameter)[7] is nan"),
                "\(outcome.errors)")
            #expect(!training.folder.names(in: "again").contains("checkpoint.safetensors"))
        }
    }

    /// 65520 would round to 65536, which float16 cannot represent.
    @Test func conversionRejectsValuesBeyondFloat16() throws {
        let weights = try write(-65520, into: "blocks.0.mlp.fc2.bias", to: "large.safetensors")
        let half = try Program.run(
            ["weights", "convert", weights, folder["half.safetensors"], "--half"])
        #expect(half.status == 1)
        let message = try #require(half.message)
        for part in ["half.safetensors", "blocks.0.mlp.fc2.bias", "65520", "without --half"] {
            #expect(message.contains(part), "\(message)")
        }
        #expect(folder.names() == ["large.safetensors"])
        let whole = try Program.run(["weights", "convert", weights, folder["whole.safetensors"]])
        #expect(whole.status == 0)
        let fits = try write(65519, into: "blocks.0.mlp.fc2.bias", to: "fits.safetensors")
        let other = try Program.run(
            ["weights", "convert", fits, folder["half.safetensors"], "--half"])
        #expect(other.status == 0)
        #expect(
            try VisionTransformer(contentsOf: folder["half.safetensors"])
                .tensors["blocks.0.mlp.fc2.bias"]?.elements[5] == 65504)
    }
}
