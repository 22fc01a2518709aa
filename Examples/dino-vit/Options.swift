import ArgumentParser
import Descriptors
import Foundation
import Synchronization
import Tensors
import ViT

/// How the program runs.
struct RunOptions: ParsableArguments {
    @Option(help: "The most threads that work at once. (default: one for each processor)")
    var threads: Int?

    @Flag(help: "Write neither progress nor a summary.")
    var quiet = false

    func validate() throws {
        try check(threads, Parallelism.threadCounts, "--threads")
    }

    func apply() {
        if let threads { Parallelism.threadCount = threads }
        if quiet { Note.areWanted.store(false, ordering: .relaxed) }
    }
}

/// What a person should know beside the results: lines on standard error, unless `--quiet` is given.
enum Note {
    fileprivate static let areWanted = Atomic<Bool>(true)

    static func write(_ sentence: String) {
        guard areWanted.load(ordering: .relaxed) else { return }
        Terminal.note("note: \(sentence)")
    }

    /// Says that the number of heads is assumed.
    ///
    /// - Parameter remedy: how another number is given.
    static func heads(
        of path: String, _ configuration: VisionTransformer.Configuration, _ remedy: String
    ) {
        write(
            "\(path) does not say how many heads its network has; assumed are"
                + " \(configuration.heads) (width / 64); \(remedy)")
    }
}

/// The network.
struct WeightOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            The network: a DINO .pth file, a training checkpoint, a safetensors file, the index of \
            a model in several files, or a folder with one of them. (default: the small network that \
            comes with the program)
            """, valueName: "file"))
    var weights: String?

    @Option(help: WeightOptions.headsHelp)
    var heads: Int?

    @Option(
        help: """
            Whose rule gives positions at other sizes than the trained one: official, transformers \
            or timm. (default: official)
            """)
    var positions: PositionRule?

    @Option(
        help: """
            What colours are brought to: imagenet or satellite. (default: what the file or the texts \
            beside it say, or imagenet)
            """)
    var normalization: NormalizationArgument?

    static let headsHelp: ArgumentHelp = """
        The network's attention heads. (default: what the file or a config.json beside it says, or \
        width / 64)
        """

    func validate() throws {
        try check(heads, VisionTransformer.Configuration.Bounds.heads, "--heads")
        if heads != nil && weights == nil {
            throw ValidationError("--heads needs --weights.")
        }
    }

    /// What the network is called in reports and sentences.
    var name: String { weights ?? "the default weights" }

    /// The files that no result may replace.
    var inputs: [String] { weights.map { [$0] } ?? [] }

    /// Opens the weights; no parameter has been read yet.
    func opened() throws -> WeightFile {
        guard let weights else { return try .bundled() }
        let file = try WeightFile(contentsOf: weights, heads: heads)
        if file.headsAreAssumed {
            Note.heads(of: weights, file.configuration, "--heads gives another number")
        }
        return file
    }

    /// Reads the weights.
    ///
    /// - Parameter file: where they have been opened.
    func network(_ file: WeightFile? = nil) throws -> VisionTransformer {
        var network = try (file ?? opened()).network()
        if let positions { network.followPositions(of: positions) }
        if let normalization { network.normalization = normalization.value }
        return network
    }
}

/// Where results go.
struct OutputOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The folder for the results, made where it is missing.", valueName: "dir"))
    var output = "."
}

/// The network, how pictures are put into it, and where results go.
struct NetworkOptions: ParsableArguments {
    @OptionGroup var file: WeightOptions

    @Option(
        help: ArgumentHelp(
            "The photos' shorter side in the network, in pixels; 0 keeps their size.",
            valueName: "pixels"))
    var loadSize = 224

    @OptionGroup var place: OutputOptions

    func validate() throws {
        try checkLoadSize(loadSize)
    }

    var preprocessing: Preprocessing { Preprocessing(loadSize: loadSize == 0 ? nil : loadSize) }
}

extension PatchStride {
    /// The step that was given, or the library's; where that is less than usual, it is said.
    static func fine(_ given: Int?, for network: VisionTransformer.Configuration) -> PatchStride {
        if let given { return PatchStride(given) }
        let (own, usual) = (fine(for: network), fine(for: .small()))
        if own != usual {
            Note.write(
                "the step from patch to patch is \(own.vertical) pixels, the side of the network's"
                    + " patches, not \(usual.vertical)")
        }
        return own
    }
}

extension PositionRule: ExpressibleByArgument {}

enum NormalizationArgument: String, ExpressibleByArgument, CaseIterable {
    case imagenet, satellite

    var value: Normalization {
        switch self {
        case .imagenet: .imageNet
        case .satellite: .satellite
        }
    }
}

/// What options of several commands say of themselves.
enum Help {
    static let layer: ArgumentHelp =
        "The layer, counted from 0, or from the end, -1 being the last."
    static let optionalLayer: ArgumentHelp = """
        The layer, counted from 0, or from the end, -1 being the last. (default: -1)
        """
    static let fineStride = ArgumentHelp(
        "The step from patch to patch. (default: 4)", valueName: "pixels")
}

/// What a descriptor is made of.
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

/// Holds the value of an option against the library's bound.
///
/// - Throws: for the argument parser, which shows the usage and ends with status 64.
func check<Value>(_ value: Value?, _ bound: Bound<Value>, _ option: String) throws {
    if let fault = bound.fault(value, as: option) { throw ValidationError(fault + ".") }
}

/// Both numbers of an option that takes a range; none where it was not given.
func check(_ values: [Double], _ bound: Bound<Double>, _ option: String) throws {
    guard !values.isEmpty else { return }
    guard values.count == 2, values[0] <= values[1] else {
        throw ValidationError("\(option) takes two numbers, LOW and HIGH, with LOW <= HIGH.")
    }
    for value in values { try check(value, bound, option) }
}

/// A load size, where 0 stands for none.
func checkLoadSize(_ pixels: Int?) throws {
    let sizes = Preprocessing.loadSizes
    try check(pixels, Bound(sizes.name, 0...sizes.range.upperBound), "--load-size")
}
