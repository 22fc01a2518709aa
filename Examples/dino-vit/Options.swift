import ArgumentParser
import Descriptors
import Synchronization
import Tensors
import ViT

/// Options of all commands that compute.
struct RunOptions: ParsableArguments {
    @Option(help: "The maximum number of threads. (default: one per processor)")
    var threads: Int?

    @Option(
        help: ArgumentHelp(
            """
            The instruction set to compute with, for comparisons. (default: the best that the \
            processor supports)
            """, valueName: "set"))
    var instructionSet: InstructionSet?

    @Flag(help: "Show neither progress nor a summary.")
    var quiet = false

    func validate() throws {
        try check(threads, Parallelism.threadCounts, "--threads")
        if let instructionSet, !InstructionSet.supported.contains(instructionSet) {
            throw ValidationError(
                "--instruction-set \(instructionSet.rawValue): this processor supports"
                    + " \(InstructionSet.supportedNames).")
        }
    }

    func apply() {
        if let instructionSet { InstructionSet.use(instructionSet) }
        if let threads { Parallelism.threadCount = threads }
        if quiet { Note.areWanted.store(false, ordering: .relaxed) }
    }
}

extension InstructionSet: ExpressibleByArgument {}

/// Notes for the user: lines on standard error, unless `--quiet` is given.
enum Note {
    fileprivate static let areWanted = Atomic<Bool>(true)

    static func write(_ sentence: String) {
        guard areWanted.load(ordering: .relaxed) else { return }
        Terminal.note("note: \(sentence)")
    }

    /// Notes that the number of heads is assumed.
    ///
    /// - Parameter remedy: how to choose another number.
    static func heads(
        of path: String, _ configuration: VisionTransformer.Configuration, _ remedy: String
    ) {
        write(
            "\(path) does not state its network's number of heads; assuming"
                + " \(configuration.heads) (width / 64); \(remedy)")
    }
}

/// The options of the network.
struct WeightOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            The network: a DINO .pth file, a training checkpoint, a safetensors file, the index of \
            a model in several files, or a folder with one of them. (default: the bundled small \
            network)
            """, valueName: "file"))
    var weights: String?

    @Option(help: WeightOptions.headsHelp)
    var heads: Int?

    @Option(
        help: """
            The rule for interpolating positions at sizes other than the trained one: official, \
            transformers or timm. (default: official)
            """)
    var positions: PositionRule?

    @Option(
        help: """
            The normalization of colours: imagenet or satellite. (default: as stated in the file or the \
            configuration beside it, or imagenet)
            """)
    var normalization: NormalizationArgument?

    @Option(
        help: """
            The precision of the network's linear maps: float32, int16 (nearly exact, half the \
            memory) or int8 (a quarter). (default: as stored in the file, or float32)
            """)
    var precision: Precision?

    static let headsHelp: ArgumentHelp = """
        The number of attention heads. (default: as stated in the file or a config.json beside it, or \
        width / 64)
        """

    func validate() throws {
        try check(heads, VisionTransformer.Configuration.Bounds.heads, "--heads")
        if heads != nil && weights == nil {
            throw ValidationError("--heads needs --weights.")
        }
    }

    /// The network's name in reports and messages.
    var name: String { weights ?? "the default weights" }

    /// The files that results must not replace.
    var inputs: [String] { weights.map { [$0] } ?? [] }

    /// Opens the weights without reading parameters.
    func opened() throws -> WeightFile {
        guard let weights else { return try .bundled() }
        let file = try WeightFile(contentsOf: weights, heads: heads)
        if file.headsAreAssumed {
            Note.heads(of: weights, file.configuration, "use --heads to change it")
        }
        return file
    }

    /// Reads the weights.
    ///
    /// - Parameter file: the file, if it is already open.
    func network(_ file: WeightFile? = nil) throws -> VisionTransformer {
        let file = try file ?? opened()
        var network = try file.network(for: precision ?? file.precision ?? .float32)
        if let positions { network.followPositions(of: positions) }
        if let normalization { network.normalization = normalization.value }
        return network
    }
}

/// The option of the folder for results.
struct OutputOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The folder for the results, created if it is missing.", valueName: "dir"))
    var output = "."
}

/// The options of the network and of the folder for results.
struct NetworkOptions: ParsableArguments {
    @OptionGroup var file: WeightOptions
    @OptionGroup var place: OutputOptions
}

/// The options of the patches that photos are divided into.
struct PatchOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The photos' shorter side in the network, in pixels; 0 keeps their size. (default: 224)",
            valueName: "pixels"))
    var loadSize: Int?

    @Option(
        help: ArgumentHelp(
            """
            The step between patches. (default: 4; for extract, saliency and attention the patch \
            size)
            """, valueName: "pixels"))
    var stride: Int?

    func validate() throws {
        let sizes = Preprocessing.loadSizes
        try check(loadSize, Bound(sizes.name, 0...sizes.range.upperBound), "--load-size")
        try check(stride, PatchStride.steps, "--stride")
    }

    /// The features to extract.
    ///
    /// - Parameter overlapping: whether patches overlap if no step is given: the library's fine step is used,
    ///   with a note if it differs from the usual one.
    func options(
        for network: VisionTransformer.Configuration, overlapping: Bool, layer: Int? = nil,
        facet: Facet
    ) -> FeatureOptions {
        var step = PatchStride(stride ?? network.patchSize)
        if overlapping && stride == nil {
            let usual = PatchStride.fine(for: .small())
            step = .fine(for: network)
            if step != usual {
                Note.write(
                    "the step between patches is \(step.vertical) pixels, the side of the"
                        + " network's patches, not \(usual.vertical)")
            }
        }
        var options = FeatureOptions(layer: layer, facet: facet, stride: step)
        if let loadSize { options.loadSize = loadSize == 0 ? nil : loadSize }
        return options
    }
}

/// The options of the features that become descriptors.
struct FeatureArguments: ParsableArguments {
    @OptionGroup var patches: PatchOptions

    @Option(
        help: """
            The layer, counted from 0, or from the end, -1 being the last. (default: -1; for match \
            at three quarters of the depth, 9 of twelve)
            """)
    var layer: Int?

    @Option(help: "Which output of the layer to use: key, query, value or token. (default: key)")
    var facet: FacetArgument?

    func validate() throws {
        try check(layer, FeatureTap.layers, "--layer")
    }

    /// As `PatchOptions.options`.
    func options(
        for network: VisionTransformer.Configuration, overlapping: Bool = true
    ) -> FeatureOptions {
        patches.options(
            for: network, overlapping: overlapping, layer: layer, facet: (facet ?? .key).facet)
    }
}

extension Extractor {
    /// Reads the network; the layer is counted from 0.
    ///
    /// - Parameters:
    ///   - weights: the network.
    ///   - options: the features to extract.
    init(
        _ weights: WeightOptions, _ options: (VisionTransformer.Configuration) -> FeatureOptions
    ) throws {
        let network = try weights.network()
        self = try Extractor(network, options(network.configuration)).checked()
    }
}

extension PositionRule: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}

enum NormalizationArgument: String, ExpressibleByArgument, CaseIterable {
    case imagenet, satellite

    var value: Normalization {
        switch self {
        case .imagenet: .imageNet
        case .satellite: .satellite
        }
    }
}

/// The output of a layer that becomes descriptors.
enum FacetArgument: String, ExpressibleByArgument, CaseIterable {
    case key, query, value, token

    var facet: Facet {
        switch self {
        case .key: .key
        case .query: .query
        case .value: .value
        case .token: .token
        }
    }
}

/// Checks an option's value against the library's bound.
///
/// - Throws: `ValidationError`, for which the argument parser shows the usage and exits with status 64.
func check<Value>(_ value: Value?, _ bound: Bound<Value>, _ option: String) throws {
    if let fault = bound.fault(value, as: option) { throw ValidationError(fault + ".") }
}

/// Checks both numbers of an option that takes a range, if it was given.
func check(_ values: [Double], _ bound: Bound<Double>, _ option: String) throws {
    guard !values.isEmpty else { return }
    guard values.count == 2, values[0] <= values[1] else {
        throw ValidationError("\(option) takes two numbers, LOW and HIGH, with LOW <= HIGH.")
    }
    for value in values { try check(value, bound, option) }
}
