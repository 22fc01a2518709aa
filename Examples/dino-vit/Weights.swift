import ArgumentParser
import Platform
import Tensors
import ViT

/// Describes and converts weight files.
struct WeightsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weights", abstract: "Describe or convert a weight file.",
        subcommands: [Info.self, Convert.self])

    struct Info: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Describe the network in a weight file and the file's contents.",
            discussion: """
                Without a file, describes the bundled network.

                Example: dino-vit weights info dino_vits8.pth
                """)

        @Argument(help: ArgumentHelp(WeightInput.kinds, valueName: "file"))
        var weights: String?

        @Option(help: WeightOptions.headsHelp)
        var heads: Int?

        func validate() throws {
            try check(heads, VisionTransformer.Configuration.Bounds.heads, "--heads")
            if heads != nil && weights == nil {
                throw ValidationError("--heads needs a file.")
            }
        }

        func run() throws {
            let file =
                try weights.map { try WeightFile(contentsOf: $0, heads: heads) } ?? .bundled()
            if weights == nil { Terminal.say("file:".padded(to: 15) + " " + file.path) }
            for (name, value) in try file.facts() {
                Terminal.say("\(name):".padded(to: 15) + " " + value)
            }
        }
    }

    struct Convert: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write weights as a safetensors file, with the tensor names of a given tool.",
            discussion: """
                With --format huggingface the output is a folder with model.safetensors, config.json \
                and preprocessor_config.json.

                Example: dino-vit weights convert dino_vits8.pth dino_vits8.safetensors --half
                """)

        @OptionGroup var input: WeightInput

        @Argument(
            help: ArgumentHelp("The safetensors file, or the folder, to write.", valueName: "out"))
        var output: String

        @Option(
            help: """
                The naming of the tensors: dino (as in the published files), timm or huggingface.
                """)
        var format = Naming.official

        @Flag(help: "Round to float16, which halves the size.")
        var half = false

        @Option(
            help: """
                The precision in which linear maps are stored: float32, int16 or int8, with --format \
                dino. Commands that read the file compute with it.
                """)
        var precision = Precision.float32

        @Option(
            help: ArgumentHelp(
                """
                A text to store in the file, such as the origin of the weights; shown by weights info. \
                May be repeated; texts of the input file are kept.
                """, valueName: "name=text"))
        var metadata: [String] = []

        @OptionGroup var options: RunOptions

        func run() throws {
            options.apply()
            let file = try input.file()
            var own = try self.texts()
            var configuration = file.configuration
            if let fault = WeightFile.apply(&own, to: &configuration) {
                throw Failure("--metadata cannot be stored: \(fault)")
            }
            let texts = file.metadata.merging(own) { _, new in new }
            let inputs = file.files + file.companions
            if format == .huggingFace {
                let folder = try OutputFolder(output, keeping: inputs)
                for name in VisionTransformer.filesOfHuggingFace { _ = try folder.file(name) }
            } else {
                try checkWritable(output, keeping: inputs)
            }
            if file.headsAreAssumed {
                Note.heads(of: file.path, file.configuration, "use --heads to change it")
            }
            let type = half ? ElementType.float16 : .float32
            var network = try file.network(for: precision == .float32 ? nil : precision)
            network.normalization = configuration.normalization
            network.saliencyThreshold = configuration.saliencyThreshold
            if precision == .float32 {
                try network.write(
                    to: output, naming: format, elementType: type, metadata: texts)
            } else {
                try network.writeIntegers(to: output, metadata: texts)
            }
            if network.hasRoundedPeriods {
                Note.write(
                    "\(file.path) has rounded periods of rotary positions; transformers and timm"
                        + " compute exact ones, so their results will differ by about 0.001")
            }
            if !options.quiet {
                let stored = precision == .float32 ? type.rawValue : precision.rawValue
                Terminal.say("\(output): \(file.configuration.name), \(stored)")
            }
        }

        func validate() throws {
            _ = try texts()
            if precision != .float32 && (half || format != .official) {
                throw ValidationError(
                    "--precision \(precision.rawValue) cannot be combined with --half or --format.")
            }
        }

        /// The texts of `--metadata` by their names.
        private func texts() throws -> [String: String] {
            var texts: [String: String] = [:]
            for option in metadata {
                let parts = option.split(separator: "=", maxSplits: 1)
                guard parts.count == 2,
                    texts.updateValue(String(parts[1]), forKey: String(parts[0])) == nil
                else {
                    throw ValidationError(
                        "--metadata \(option) is not NAME=TEXT, or repeats a name.")
                }
            }
            return texts
        }
    }
}

extension Naming: ExpressibleByArgument {}

/// The weight file that a subcommand reads.
struct WeightInput: ParsableArguments {
    static let kinds = """
        A DINO .pth file, a training checkpoint, a safetensors file, the index of a model in several \
        files, or a folder with one of them.
        """

    @Argument(help: ArgumentHelp(kinds, valueName: "file"))
    var weights: String

    @Option(help: WeightOptions.headsHelp)
    var heads: Int?

    func validate() throws {
        try check(heads, VisionTransformer.Configuration.Bounds.heads, "--heads")
    }

    func file() throws -> WeightFile {
        try WeightFile(contentsOf: weights, heads: heads)
    }
}

extension WeightFile {
    /// The facts that `weights info` shows, by name. Reads the parameters to find non-finite ones.
    fileprivate func facts() throws -> [(name: String, value: String)] {
        let types = elementTypes.sorted { $0.value > $1.value }.map { type, count in
            elementTypes.count == 1 ? type.rawValue : "\(type.rawValue) (\(count.grouped))"
        }
        var facts: [(name: String, value: String)] = [
            ("architecture", configuration.name),
            ("patch size", "\(configuration.patchSize)"),
            ("width", "\(configuration.width)"),
            ("hidden width", "\(configuration.hiddenWidth)"),
            ("depth", "\(configuration.depth)"),
            (
                "heads",
                "\(configuration.heads)"
                    + (headsAreAssumed
                        ? " (assumed: width / 64; use --heads to change it)" : "")
            ),
            ("norm epsilon", "\(configuration.layerNormEpsilon)"),
            ("parameters", parameterCount.grouped),
            ("format", format.description + (files.count > 1 ? ", \(files.count) files" : "")),
            ("names", naming.title),
            ("dictionary", source.isEmpty ? "the whole file" : source),
            ("elements", types.joined(separator: ", ")),
        ]
        if let precision { facts.append(("precision", precision.rawValue)) }
        facts.insert(contentsOf: configuration.partsBeyondDINO, at: 5)
        if let threshold = configuration.saliencyThreshold {
            facts.append(("saliency threshold", "\(threshold)"))
        }
        if lacksAttentionBias { facts.append(("missing", "attn.qkv.bias, assumed to be 0")) }
        facts.append(("left over", leftOver.isEmpty ? "nothing" : leftOver.joined(separator: ", ")))
        let damaged = try nonFiniteParameters()
        if !damaged.isEmpty { facts.append(("not finite", damaged.summary)) }
        for (name, text) in metadata.sorted(by: { $0.key < $1.key }) {
            facts.append((name, text))
        }
        return facts
    }
}

extension VisionTransformer.Configuration {
    /// The positions, and the components that DINO's networks lack.
    fileprivate var partsBeyondDINO: [(name: String, value: String)] {
        var parts: [(name: String, value: String)] = []
        switch positions {
        case .learnt(let grid):
            parts.append(
                (
                    "position grid",
                    "\(grid.rows)x\(grid.columns), images of"
                        + " \(grid.rows * patchSize)x\(grid.columns * patchSize)"
                ))
        case .rotary(let periods):
            let isExact = periods == RotaryPositions(headWidth: headWidth).periods
            parts.append(("positions", "rotary" + (isExact ? "" : ", with custom periods")))
        }
        if registers > 0 { parts.append(("registers", "\(registers)")) }
        if feedForward == .swiGLU { parts.append(("feed-forward", "SwiGLU")) }
        if hasLayerScale { parts.append(("layer scale", "yes")) }
        if normalization != .imageNet {
            parts.append(
                (
                    "normalization",
                    normalization == .satellite
                        ? "satellite" : "\(normalization.mean), \(normalization.standardDeviation)"
                ))
        }
        return parts
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: Swift.max(0, width - count))
    }
}
