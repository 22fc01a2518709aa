import Foundation
import Testing

@Suite struct WeightsCommandTests {
    let folder = TemporaryFolder()

    /// The number of parameters is counted by hand from the architecture in `make_fixtures.py`.
    @Test func infoDescribesNetwork() throws {
        let outcome = try Program.run(
            ["weights", "info", Fixtures.weights, "--heads", "6"])
        #expect(outcome.status == 0 && outcome.errors == "")
        let facts = Dictionary(
            uniqueKeysWithValues: outcome.output.split(separator: "\n").map { line in
                let parts = line.split(separator: ":", maxSplits: 1)
                return (String(parts[0]), parts[1].trimmingCharacters(in: .whitespaces))
            })
        #expect(facts["patch size"] == "8")
        #expect(facts["width"] == "96")
        #expect(facts["hidden width"] == "192")
        #expect(facts["depth"] == "2")
        #expect(facts["heads"] == "6")
        #expect(facts["parameters"] == "171,936")
        #expect(facts["position grid"]?.hasPrefix("6x6") == true)
        #expect(facts["format"]?.contains("zip") == true)
        #expect(facts["elements"] == "float16")
        #expect(facts["left over"] == "nothing")
    }

    /// The bundled network; a copy of the program finds another one in ../share.
    @Test func infoDescribesDefaultNetwork() throws {
        let own = try Program.run(["weights", "info"])
        #expect(own.status == 0)
        #expect(own.output.contains("/default.safetensors\n"))
        #expect(own.output.contains("\npatch size:     8\n"))
        #expect(own.output.contains("\nelements:       float16\n"))
        for fact in ["data", "recipe"] { #expect(own.output.contains("\n\(fact): ")) }

        for name in ["bin", "share/dino-vit"] {
            try folder.makeFolder(name)
        }
        let copy = folder["bin/dino-vit"]
        try FileManager.default.copyItem(
            atPath: Program.products.appendingPathComponent("dino-vit").path, toPath: copy)
        let shared = folder["share/dino-vit/default.safetensors"]
        let conversion = try Program.run(
            ["weights", "convert", Fixtures.weights, shared, "--heads", "6"])
        #expect(conversion.status == 0)
        let other = try Program.run(["weights", "info"], name: copy)
        #expect(other.output.contains("file:           \(shared)\n"))
        #expect(other.output.contains("\nwidth:          96\n"))
    }

    @Test func defaultWeightsAreUsedIfNoneAreNamed() throws {
        let file = try Program.run(["weights", "info"]).output
            .split(separator: "\n")[0].dropFirst("file:".count).trimmingCharacters(in: .whitespaces)
        for (output, options) in [("a", []), ("b", ["--weights", file])] {
            let outcome = try Program.run(
                [
                    "saliency", Fixtures.first, "--load-size", "48", "--output", folder[output],
                ] + options)
            #expect(outcome.status == 0)
        }
        #expect(try folder.data("a/first.saliency.npy") == folder.data("b/first.saliency.npy"))
    }

    @Test func conversionKeepsMetadata() throws {
        let (first, second) = (folder["first.safetensors"], folder["second.safetensors"])
        let texts = ["--metadata", "data=made up", "--metadata", "recipe=a=b\u{1B}[2J"]
        let one = try Program.run(
            ["weights", "convert", Fixtures.weights, first, "--heads", "6"] + texts)
        #expect(one.status == 0)
        let two = try Program.run(
            ["weights", "convert", first, second, "--half", "--metadata", "data=other"])
        #expect(two.status == 0)
        let info = try Program.run(["weights", "info", second]).output
        #expect(info.contains("\ndata:           other\nrecipe:         a=b\\u{1B}[2J\n"))
    }

    @Test func metadataMayDescribeTheNetworkButNotItsFormat() throws {
        func convert(_ texts: [String]) throws -> Program.Outcome {
            try Program.run(
                [
                    "weights", "convert", Fixtures.weights, folder["other.safetensors"], "--heads",
                    "6",
                ]
                    + texts.flatMap { ["--metadata", $0] })
        }
        for (texts, message) in [
            (["precision=int8"], "precision is written by the package itself"),
            (["num_heads=3"], "num_heads is written by the package itself"),
            (
                ["image_mean=0.5 0.5 0.5"],
                "image_mean and image_std describe a normalisation together"
            ),
            (["saliency_threshold=high"], "saliency_threshold high is not a number"),
            (["saliency_threshold=2"], "saliency threshold 2.0 is not from 0.0 to 1.0"),
        ] {
            let outcome = try convert(texts)
            #expect(outcome.status == 1 && outcome.output == "")
            #expect(outcome.message == "error: --metadata cannot be stored: \(message)")
        }
        #expect(folder.names(in: "") == [])
        let texts = [
            "image_mean=0.5 0.5 0.5", "image_std=0.2 0.2 0.2", "saliency_threshold=0.25",
        ]
        #expect(try convert(texts).status == 0)
        let info = try Program.run(["weights", "info", folder["other.safetensors"]]).output
        #expect(info.contains("normalization:  [0.5, 0.5, 0.5], [0.2, 0.2, 0.2]\n"), "\(info)")
        #expect(info.contains("saliency threshold: 0.25\n"))
    }

    @Test(arguments: ["int16", "int8"])
    func integersAreStoredAndUsed(precision: String) throws {
        let stored = folder["stored.safetensors"]
        let converted = try Program.run(
            [
                "weights", "convert", Fixtures.weights, stored, "--heads", "6", "--precision",
                precision,
            ])
        #expect(converted.status == 0 && converted.errors == "")
        let info = try Program.run(["weights", "info", stored])
        #expect(info.output.contains("\nprecision:      \(precision)\n"))

        func keys(_ weights: [String], _ output: String) throws -> Data {
            let outcome = try Program.run(
                ["extract", Fixtures.first, "--load-size", "48", "--output", folder[output]]
                    + weights)
            #expect(outcome.status == 0, "\(outcome.errors)")
            return try folder.data("\(output)/first.npy")
        }
        let floats = try keys(["--weights", Fixtures.weights, "--heads", "6"], "floats")
        let asked = try keys(
            ["--weights", Fixtures.weights, "--heads", "6", "--precision", precision], "asked")
        #expect(try keys(["--weights", stored], "stored") == asked)
        #expect(asked != floats)

        let other = precision == "int8" ? "int16" : "int8"
        let refused = try Program.run(
            ["extract", Fixtures.first, "--weights", stored, "--precision", other])
        #expect(refused.status == 1)
        #expect(
            refused.errors
                == "error: \(stored) cannot be used: its weights are stored as \(precision); they"
                + " cannot be used as \(other)\n")
        for wrong in [["--half"], ["--format", "timm"]] {
            let outcome = try Program.run(
                ["weights", "convert", Fixtures.weights, stored, "--precision", precision] + wrong)
            #expect(outcome.status == 64)
        }
    }

    /// The fixture is in half precision, so that --half changes nothing. The converted file states the number of heads.
    @Test(arguments: [[], ["--half"]])
    func convertedWeightsGiveSameResults(_ options: [String]) throws {
        let converted = folder["converted.safetensors"]
        let conversion = try Program.run(
            ["weights", "convert", Fixtures.weights, converted, "--heads", "6"] + options)
        #expect(conversion.status == 0)
        for (weights, output) in [(Fixtures.weights, "a"), (converted, "b")] {
            let heads = output == "a" ? ["--heads", "6"] : []
            let outcome = try Program.run(
                [
                    "attention", Fixtures.first, "--weights", weights, "--load-size", "48",
                    "--output", folder[output],
                ] + heads)
            #expect(outcome.status == 0)
        }
        #expect(try folder.data("a/first.attention.npy") == folder.data("b/first.attention.npy"))
        let bytes = try folder.data("converted.safetensors").count
        let parameters = 171_936 * (options.isEmpty ? 4 : 2)
        #expect(parameters..<parameters + 8192 ~= bytes)
    }

    private static let modelFolders = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("ViTTests/Fixtures").path

    /// There is no note with --quiet, or if an option or a config.json gives the number.
    @Test func notesAssumedNumberOfHeads() throws {
        let weights = folder["hugging_face.safetensors"]
        try FileManager.default.copyItem(
            atPath: Self.modelFolders + "/Weights/hugging_face.safetensors", toPath: weights)
        func errors(_ arguments: [String]) throws -> String {
            let outcome = try Program.run(
                ["saliency", Fixtures.first, "--load-size", "16", "--output", folder["out"]]
                    + arguments)
            #expect(outcome.status == 0, "\(outcome.errors)")
            return outcome.errors.split(separator: "\n").filter { $0.hasPrefix("note: ") }
                .joined(separator: "|")
        }
        let note =
            "note: \(weights) does not state its network's number of heads; assuming 1 (width / 64);"
            + " use --heads to change it"
        #expect(try errors(["--weights", weights]) == note)
        #expect(try errors(["--weights", weights, "--quiet"]) == "")
        #expect(try errors(["--weights", weights, "--heads", "4"]) == "")
        #expect(try errors([]) == "", "the bundled network states the number")

        let info = try Program.run(["weights", "info", weights]).output
        #expect(
            info.contains(
                "\nheads:          1 (assumed: width / 64; use --heads to change it)\n"))
        let converted = folder["converted.safetensors"]
        let conversion = try Program.run(["weights", "convert", weights, converted])
        #expect(conversion.status == 0 && conversion.errors == note + "\n")
        #expect(try errors(["--weights", converted]) == "")

        let config = #"{"num_attention_heads": 4, "layer_norm_eps": 1e-12}"#
        try folder.write(config.utf8, to: "config.json")
        #expect(try errors(["--weights", weights]) == "")
        let configured = try Program.run(["weights", "info", weights]).output
        #expect(configured.contains("\nheads:          4\nnorm epsilon:   1e-12\n"))
    }

    /// Conversion does not replace any of its files.
    @Test(arguments: ["whole", "sharded", "pickled"])
    func opensModelFolder(name: String) throws {
        let model = folder["model"]
        try FileManager.default.copyItem(
            atPath: Self.modelFolders + "/ModelFolders/" + name, toPath: model)
        let before = folder.names(in: "model")
        let info = try Program.run(["weights", "info", model])
        #expect(info.status == 0 && info.output.contains("\nheads:          3\n"), "\(info.errors)")
        for file in before where file.hasSuffix(".safetensors") || file.hasSuffix(".bin") {
            let bytes = try folder.data("model/" + file)
            let outcome = try Program.run(["weights", "convert", model, folder["model/" + file]])
            #expect(outcome.status == 1 && outcome.message?.contains("is an input") == true)
            #expect(try folder.data("model/" + file) == bytes)
        }
        let extraction = try Program.run(
            ["extract", Fixtures.first, "--weights", model, "--load-size", "16"]
                + ["--output", folder["out"]])
        #expect(extraction.status == 0, "\(extraction.errors)")
        #expect(folder.names(in: "out") == ["first.npy"])
    }
}
