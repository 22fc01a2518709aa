import Foundation
import Tensors
import Testing
import ViT

@Suite struct WeightsTests {
    private let temporary = TemporaryFile()
    private var path: String { temporary.path }

    private func fixture(_ name: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/Weights/\(name)").path
    }

    /// The n-th tensor of a model as make_weights.py fills it.
    private func expected(_ n: Int, _ shape: Shape, salt: Int = 0) -> Tensor {
        let values = (0..<shape.count).map { j in
            Float((((j * 7919 + (n + salt) * 104729) >> 3) % 251) - 125) / 256
        }
        return Tensor(values, shape: shape)
    }

    private func check(
        _ network: VisionTransformer, names: [(String, Shape)], salt: Int = 0
    ) {
        let tensors = network.tensors
        #expect(tensors.count == names.count)
        for (n, (name, shape)) in names.enumerated() {
            #expect(tensors[name] == expected(n, shape, salt: salt), "\(name)")
        }
    }

    /// Names and shapes in the order of the official state dict, width 32 and depth 2.
    private let tiny: [(String, Shape)] = {
        let first: [(String, Shape)] = [
            ("cls_token", [1, 1, 32]), ("pos_embed", [1, 17, 32]),
            ("patch_embed.proj.weight", [32, 3, 4, 4]), ("patch_embed.proj.bias", [32]),
        ]
        let block: [(String, Shape)] = [
            ("norm1.weight", [32]), ("norm1.bias", [32]), ("attn.qkv.weight", [96, 32]),
            ("attn.qkv.bias", [96]), ("attn.proj.weight", [32, 32]), ("attn.proj.bias", [32]),
            ("norm2.weight", [32]), ("norm2.bias", [32]), ("mlp.fc1.weight", [32, 32]),
            ("mlp.fc1.bias", [32]), ("mlp.fc2.weight", [32, 32]), ("mlp.fc2.bias", [32]),
        ]
        let blocks = [0, 1].flatMap { index in block.map { ("blocks.\(index).\($0)", $1) } }
        return first + blocks + [("norm.weight", [32]), ("norm.bias", [32])]
    }()

    private let tinyConfiguration = VisionTransformer.Configuration(
        width: 32, depth: 2, heads: 2, patchSize: 4, hiddenWidth: 32,
        positionGrid: PatchGrid(rows: 4, columns: 4))

    @Test(arguments: [
        ("dino.pth", TensorFile.Format.pytorch, "", ElementType.float32),
        ("dino_legacy.pth", .pytorchLegacy, "", .float32),
        ("dino_f32.safetensors", .safetensors, "", .float32),
        ("dino_f16.safetensors", .safetensors, "", .float16),
        ("dino_bf16.safetensors", .safetensors, "", .bfloat16),
        ("checkpoint.pth", .pytorch, "teacher", .float32),
    ])
    func everyFormatGivesTheSameNetwork(
        name: String, format: TensorFile.Format, source: String, type: ElementType
    ) throws {
        let file = try WeightFile(contentsOf: fixture(name), heads: 2)
        #expect(file.format == format && file.source == source && file.naming == .official)
        #expect(file.configuration == tinyConfiguration)
        #expect(file.parameterCount == tiny.reduce(0) { $0 + $1.1.count })
        #expect(file.elementTypes == [type: file.parameterCount])
        #expect(file.leftOver.allSatisfy { $0.hasPrefix("teacher.head.") })
        #expect(file.leftOver.isEmpty == source.isEmpty)
        check(try file.network(), names: tiny)
    }

    @Test func readsTheStudentWithoutATeacher() throws {
        let file = try WeightFile(contentsOf: fixture("student_only.pth"), heads: 2)
        #expect(file.source == "student")
        check(try file.network(), names: tiny, salt: 50)
    }

    @Test(arguments: ["hugging_face", "hugging_face_classifier"])
    func joinsQueryKeyAndValueOfHuggingFace(name: String) throws {
        let file = try WeightFile(contentsOf: fixture("\(name).safetensors"))
        #expect(file.naming == .huggingFace && file.configuration.heads == 1)
        #expect(file.leftOver.count == 2, "expected only the pooler or the classifier")
        let names: [(String, Shape)] = tiny.prefix(16).map { name, shape in
            let dimensions = shape.dimensions.map { $0 == 32 ? 64 : $0 == 96 ? 192 : $0 }
            return (name, Shape(dimensions))
        }
        check(
            try file.network(),
            names: names + [("norm.weight", [64]), ("norm.bias", [64])])
    }

    @Test func missingAttentionBiasBecomesZero() throws {
        let file = try WeightFile(contentsOf: fixture("no_bias.pth"), heads: 2)
        #expect(file.lacksAttentionBias)
        let weights = try file.network().tensors
        #expect(weights["blocks.0.attn.qkv.bias"] == Tensor(repeating: 0, shape: [96]))
        #expect(weights["blocks.0.attn.proj.weight"] == expected(7, [32, 32]))
    }

    @Test func writtenWeightsReadBackWithTheirHeads() throws {
        let weights = try VisionTransformer(contentsOf: fixture("dino.pth"), heads: 4)
        for type in [ElementType.float32, .float16, .bfloat16] {
            try weights.write(to: path, elementType: type, metadata: ["epoch": "3"])
            let file = try WeightFile(contentsOf: path)
            #expect(file.configuration.heads == 4 && file.elementTypes.keys.elementsEqual([type]))
            check(try file.network(), names: tiny)
        }
        #expect(try TensorFile(contentsOf: path).metadata["epoch"] == "3")
        #expect(try WeightFile(contentsOf: path, heads: 8).configuration.heads == 8)
    }

    private func errorMessage(heads: Int? = 2, _ name: String) -> String {
        errorMessage(path: fixture(name), heads: heads)
    }

    @Test func rejectsWrongHeadsAndUnusableFiles() {
        #expect(errorMessage(heads: nil, "dino.pth").contains("must be given"))
        #expect(errorMessage(heads: 3, "dino.pth").contains("not divisible by 3 heads"))
        #expect(errorMessage(heads: 0, "dino.pth").contains("not divisible by 0 heads"))
        #expect(errorMessage("wide.pth").contains("1x1xWIDTH"))
        #expect(errorMessage("shared.pth").contains("elements in"))
        #expect(errorMessage("missing.pth").contains("No such file"))
    }

    @Test(
        arguments: [
            (["norm.bias"], [:], "missing: norm.bias"),
            (["blocks.1.attn.qkv.bias"], [:], "missing: blocks.1.attn.qkv.bias"),
            (["cls_token"], [:], "expected a tensor named cls_token"),
            (["pos_embed"], [:], "missing: pos_embed"),
            ([], ["dist_token": [1, 1, 32]], "unexpected: dist_token"),
            ([], ["register_tokens": [1, 4, 31]], "1xREGISTERSx32"),
            ([], ["blocks.9.norm1.bias": [32]], "missing: blocks.2.norm1.weight"),
            ([], ["blocks.999999999999.x": [1]], "missing: blocks.2.norm1.weight"),
            ([], ["module.norm.bias": [32]], "norm.bias twice"),
            ([], ["pos_embed": [1, 16, 32]], "square grid"),
            ([], ["pos_embed": [1, 1, 32]], "square grid"),
            ([], ["patch_embed.proj.weight": [32, 1, 4, 4]], "32x3xPATCHxPATCH"),
            ([], ["patch_embed.proj.weight": [32, 3, 4, 2]], "square patches"),
            ([], ["blocks.1.mlp.fc1.weight": [16, 32]], "expected 32x32"),
            ([], ["cls_token": [1, 32]], "1x1xWIDTH"),
            ([], ["cls_token": [1, 2, 32]], "1x1xWIDTH"),
            ([], ["norm.bias": []], "scalar"),
        ] as [([String], [String: [Int]], String)])
    func namesMissingUnexpectedAndMisshapenTensors(
        removed: [String], changed: [String: [Int]], part: String
    ) throws {
        var tensors = Dictionary(
            uniqueKeysWithValues: tiny.map { ($0.0, Tensor(repeating: 0, shape: $0.1)) })
        for name in removed { tensors[name] = nil }
        for (name, shape) in changed {
            tensors[name] = Tensor(repeating: 0, shape: Shape(shape))
        }
        try Safetensors.write(tensors, to: path)
        #expect(errorMessage(path: path).contains(part), "\(errorMessage(path: path))")
    }

    private func errorMessage(path: String, heads: Int? = 2) -> String {
        do {
            _ = try VisionTransformer(contentsOf: path, heads: heads)
            return "no error"
        } catch {
            return error.description
        }
    }

    /// Bytes are changed in the zip headers, the pickle and the directory.
    @Test func damagedFilesThrowOrGiveModelsNoLargerThanTheFile() throws {
        let original = Array(
            try #require(FileManager.default.contents(atPath: fixture("dino.pth"))))
        var state: UInt64 = 1
        func random(below limit: Int) -> Int {
            // Knuth's MMIX generator, the upper bits.
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
        var errorCount = 0
        try Data(original).write(to: URL(filePath: path))
        let handle = try #require(FileHandle(forWritingAtPath: path))
        for _ in 0..<1000 {
            var bytes = original
            for _ in 0...random(below: 3) {
                let offset = random(below: 14_000)
                bytes[offset < 7000 ? offset : bytes.count - 1 - (offset - 7000)] =
                    UInt8(random(below: 256))
            }
            try handle.seek(toOffset: 0)
            try handle.write(contentsOf: Data(bytes))
            do {
                let weights = try VisionTransformer(contentsOf: path, heads: 2)
                #expect(weights.configuration.parameterCount <= bytes.count)
            } catch {
                errorCount += 1
                #expect(error.description.contains(path) && error.description.count < 1200)
            }
        }
        #expect(errorCount > 100 && errorCount < 1000, "\(errorCount) errors")
    }

    @Test func readsOtherWrappersAndHeads() throws {
        for (prefix, source) in [
            ("state_dict.", "state_dict"), ("model.module.", "model"), ("backbone.", ""),
            ("state_dict.teacher.module.backbone.", "state_dict.teacher"),
            ("_orig_mod.", ""), ("module._orig_mod.backbone.", ""), ("backbone._orig_mod.", ""),
            ("model._orig_mod.module.vit.", "model"), ("teacher._orig_mod.backbone.", "teacher"),
            ("_orig_mod.module.teacher.", "_orig_mod.module.teacher"),
            ("state_dict.student_backbone.", "state_dict.student_backbone"),
            ("state_dict.momentum_backbone._orig_mod.", "state_dict.momentum_backbone"),
            ("module.teacher_backbone.module.", "module.teacher_backbone"),
        ] {
            // Beside the model there is another dictionary or, where the model is all there is, a head.
            let isWhole = source.isEmpty || prefix.hasPrefix("_") || prefix.hasPrefix("module.")
            var tensors = [
                isWhole ? prefix + "head.weight" : "optimizer.0": Tensor([1], shape: [1])
            ]
            for (n, (name, shape)) in tiny.enumerated() {
                tensors[prefix + name] = expected(n, shape)
            }
            try Safetensors.write(tensors, to: path)
            let file = try WeightFile(contentsOf: path, heads: 2)
            #expect(file.source == source)
            check(try file.network(), names: tiny)
        }
    }

    /// The names of compiled, sharded and checkpointed models have wrappers in the middle.
    @Test func dropsWrappersWithinNames() throws {
        for wrapper in [
            "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module._orig_mod",
        ] {
            var tensors: [String: Tensor] = [:]
            for (n, (name, shape)) in tiny.enumerated() {
                let inner = name.replacing("blocks.1.", with: "blocks.1.\(wrapper).")
                    .replacing("attn.", with: "attn.\(wrapper).")
                tensors[inner] = expected(n, shape)
            }
            try Safetensors.write(tensors, to: path)
            check(try WeightFile(contentsOf: path, heads: 2).network(), names: tiny)
        }
    }

    /// The names of teacher and student are those of DINO, of lightly and of solo-learn.
    @Test(arguments: [
        ("teacher.backbone.", "student.module.backbone.", "teacher"),
        (
            "state_dict.teacher_backbone.", "state_dict.student_backbone.",
            "state_dict.teacher_backbone"
        ),
        ("state_dict.momentum_backbone.", "state_dict.backbone.", "state_dict.momentum_backbone"),
        ("module.momentum_backbone.", "module.backbone.", "module.momentum_backbone"),
    ])
    func prefersTheTeacherToTheStudent(teacher: String, student: String, source: String) throws {
        var tensors: [String: Tensor] = [:]
        for (n, (name, shape)) in tiny.enumerated() {
            tensors[teacher + name] = expected(n, shape)
            tensors[student + name] = expected(n, shape, salt: 50)
        }
        try Safetensors.write(tensors, to: path)
        let both = try WeightFile(contentsOf: path, heads: 2)
        #expect(both.source == source)
        check(try both.network(), names: tiny)

        try Safetensors.write(tensors.filter { $0.key.hasPrefix(student) }, to: path)
        check(try WeightFile(contentsOf: path, heads: 2).network(), names: tiny, salt: 50)
    }

    private func writeTiny(_ changed: [(String, [Int], Float)]) throws {
        var tensors = Dictionary(
            uniqueKeysWithValues: tiny.map { ($0.0, Tensor(repeating: 0, shape: $0.1)) })
        for (name, index, value) in changed {
            var tensor = try #require(tensors[name])
            let position = zip(index, tensor.shape.dimensions).reduce(0) { $0 * $1.1 + $1.0 }
            tensor.withUnsafeMutableElements { $0[position] = value }
            tensors[name] = tensor
        }
        try Safetensors.write(tensors, to: path)
    }

    @Test func rejectsNonFiniteWeightsByName() throws {
        func message() throws -> String? {
            let file = try WeightFile(contentsOf: path, heads: 2)
            let error = #expect(throws: WeightsError.self) { try file.network() }
            #expect(try error == .notFinite(path: path, file.nonFiniteParameters()))
            return error?.description
        }
        try writeTiny([("norm.bias", [31], -.infinity)])
        #expect(try message() == "the weights in \(path) are not finite: norm.bias[31] is -inf")
        try writeTiny([
            ("blocks.1.attn.qkv.weight", [95, 2], .nan),
            ("patch_embed.proj.weight", [1, 2, 3, 0], .infinity),
            ("blocks.1.attn.qkv.weight", [4, 1], .nan),
        ])
        #expect(
            try message()
                == "the weights in \(path) are not finite: patch_embed.proj.weight[1, 2, 3, 0] is inf,"
                + " the first of 3 in 2 parameters")
        // The greatest float is finite.
        try writeTiny([
            ("norm.bias", [0], .greatestFiniteMagnitude), ("cls_token", [0, 0, 1], -0.0),
        ])
        let file = try WeightFile(contentsOf: path, heads: 2)
        #expect(try file.nonFiniteParameters().isEmpty)
        #expect(try file.network().tensors["norm.bias"]?.elements[0] == .greatestFiniteMagnitude)
    }

    /// Elements of another type in a single tensor: the error names it.
    @Test func namesTensorOfUnsupportedType() throws {
        try writeTiny([])
        var bytes = try Data(contentsOf: URL(filePath: path))
        let norm = try #require(bytes.range(of: Data(#""norm.bias":{"dtype":"F32""#.utf8)))
        bytes.replaceSubrange(norm, with: Data(#""norm.bias":{"dtype":"C32""#.utf8))
        try bytes.write(to: URL(filePath: path))
        #expect(errorMessage(path: path).contains("norm.bias holds elements of type C32"))
    }
}
