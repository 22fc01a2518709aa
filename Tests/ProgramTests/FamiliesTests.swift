import Foundation
import Tensors
import Testing
import ViT

/// The program with networks of DINOv2 and DINOv3: miniatures with random parameters.
@Suite struct FamiliesCommandTests {
    let folder = TemporaryFolder()

    /// Writes a network of 32 channels: DINOv2 with registers, or DINOv3 with SwiGLU.
    private func write(_ name: String, isRotary: Bool) throws -> String {
        var configuration = VisionTransformer.Configuration(
            width: 32, depth: 2, heads: 2, patchSize: isRotary ? 16 : 14,
            hiddenWidth: isRotary ? 48 : 64,
            positionGrid: PatchGrid(rows: 4, columns: 4))
        configuration.registers = 2
        configuration.hasLayerScale = true
        if isRotary {
            configuration.positions = .rotary(periods: RotaryPositions(headWidth: 16).periods)
            configuration.feedForward = .swiGLU
            configuration.hasKeyBias = false
            configuration.layerNormEpsilon = 1e-5
        }
        var seed: UInt64 = 0
        let network = VisionTransformer(
            configuration,
            from: ParameterSource { name, shape, _ in
                seed += 1
                var generator = SplitMix64(seed: seed)
                return Tensor(shape: shape) { elements in
                    for i in elements.indices {
                        elements[i] =
                            Float(0.5 * generator.nextNormal())
                            * (name.hasSuffix("bias") ? 0 : 1)
                    }
                }
            })
        try network.write(to: folder[name])
        return folder[name]
    }

    private func array(_ name: String) throws -> Tensor { try Tensor(npy: folder[name]) }

    @Test(arguments: [false, true])
    func everyFormatGivesSameFeatures(isRotary: Bool) throws {
        let weights = try write("weights.safetensors", isRotary: isRotary)
        for format in ["dino", "timm", "huggingface"] {
            let converted = try Program.run([
                "weights", "convert", weights, folder["out/" + format], "--format", format,
            ])
            // The folder of a model is created, the folder of a file is not.
            guard format == "huggingface" else {
                #expect(converted.status == 1 && converted.message != nil)
                try folder.makeFolder("out")
                let again = try Program.run([
                    "weights", "convert", weights, folder["out/" + format], "--format", format,
                ])
                #expect(again.status == 0 && again.errors == "", "\(again.errors)")
                try FileManager.default.moveItem(
                    atPath: folder["out/" + format], toPath: folder[format])
                try FileManager.default.removeItem(atPath: folder["out"])
                continue
            }
            #expect(converted.status == 0 && converted.errors == "", "\(converted.errors)")
            #expect(
                folder.names(in: "out/huggingface")
                    == ["config.json", "model.safetensors", "preprocessor_config.json"])
            try FileManager.default.moveItem(
                atPath: folder["out/huggingface"], toPath: folder["huggingface"])
            // The folder's files are inputs.
            let over = try Program.run([
                "weights", "convert", folder[format], folder[format], "--format", format,
            ])
            #expect(over.status == 1 && over.message?.contains("input") == true)
        }
        var results: [Data] = []
        for name in ["weights.safetensors", "dino", "timm", "huggingface"] {
            let outcome = try Program.run([
                "extract", Fixtures.first, "--weights", folder[name], "--output",
                folder["features"], "--load-size", "64", "--stride", "7", "--layer=-1",
                "--include-cls",
            ])
            #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
            results.append(try folder.data("features/first.npy"))
        }
        let isSame = results.dropFirst().allSatisfy { $0 == results[0] }
        #expect(isSame)
        // 80x60 photos at size 64: the greatest multiple of 14 is 56, of 16 it is 64.
        let side = isRotary ? 64 : 56
        let (long, patch) = (side * 80 / 60, isRotary ? 16 : 14)
        let cells = (1 + (side - patch) / 7) * (1 + (long - patch) / 7)
        #expect(try array("features/first.npy").shape == [1 + cells, 32])
    }

    /// An unknown rule is rejected.
    @Test func positionRulesAgreeForRegisters() throws {
        let weights = try write("weights.safetensors", isRotary: false)
        func features(_ size: String, _ rule: String) throws -> Data {
            let outcome = try Program.run([
                "extract", Fixtures.first, "--weights", weights, "--output", folder["features"],
                "--load-size", size, "--positions", rule,
            ])
            #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
            return try folder.data("features/first.npy")
        }
        // For networks with registers, all implementations resample positions alike.
        let isSame = try features("70", "official") == features("70", "timm")
        #expect(isSame)
        let wrong = try Program.run([
            "extract", Fixtures.first, "--weights", weights, "--positions", "mine",
        ])
        #expect(wrong.status == 64)
    }

    /// A network without registers is rejected.
    @Test func attentionOfRegistersIsWritten() throws {
        let weights = try write("weights.safetensors", isRotary: true)
        let outcome = try Program.run([
            "attention", Fixtures.first, "--registers", "--weights", weights, "--load-size", "64",
            "--output", folder["maps"],
        ])
        #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
        #expect(try array("maps/first.attention.npy").shape == [2, 2, 4, 5])
        #expect(
            folder.names(in: "maps")
                == ["first.attention-0.png", "first.attention-1.png", "first.attention.npy"])
        let none = try Program.run(
            ["attention", Fixtures.first, "--registers", "--output", folder["maps"]]
                + Fixtures.network)
        #expect(none.status == 1 && none.message?.contains("no registers") == true)
    }

    @Test(arguments: [false, true])
    func trainingStartsFromWeights(isRotary: Bool) throws {
        let weights = try write("weights.safetensors", isRotary: isRotary)
        let training = try Training(count: 4)
        let outcome = try Program.run([
            "train", training.pictures, "--init-weights", weights, "--output", folder["run"],
            "--preset", "quick", "--epochs", "1", "--batch-size", "2", "--out-dim", "16",
            "--global-crop-size", "48", "--local-crop-size", "32", "--local-crops", "1", "--quiet",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let file = try WeightFile(contentsOf: folder["run/teacher.safetensors"])
        let configuration = try WeightFile(contentsOf: weights).configuration
        #expect(file.configuration == configuration)
    }

    /// The option overrides the network's normalisation.
    @Test func normalizationIsStoredWithNetwork() throws {
        let weights = try write("weights.safetensors", isRotary: true)
        var network = try VisionTransformer(contentsOf: weights)
        network.normalization = .satellite
        try network.write(to: folder["satellite"], naming: .huggingFace)
        #expect(
            try WeightFile(contentsOf: folder["satellite"]).configuration.normalization
                == .satellite)
        let info = try Program.run(["weights", "info", folder["satellite"]])
        #expect(info.output.contains("\nnormalization:  satellite\n"))
        let converted = try Program.run([
            "weights", "convert", folder["satellite"], folder["converted"],
        ])
        #expect(converted.status == 0)
        #expect(
            try WeightFile(contentsOf: folder["converted"]).configuration.normalization
                == .satellite)
        func features(_ name: String, _ options: [String] = []) throws -> Data {
            let outcome = try Program.run(
                ["extract", Fixtures.first, "--weights", folder[name], "--load-size", "32"]
                    + ["--output", folder["features"]] + options)
            #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
            return try folder.data("features/first.npy")
        }
        let plain = try features("weights.safetensors")
        let own = try features("converted")
        let given = try features("weights.safetensors", ["--normalization", "satellite"])
        let back = try features("satellite", ["--normalization", "imagenet"])
        let isRight = own == given && back == plain && own != plain
        #expect(isRight)
    }
}
