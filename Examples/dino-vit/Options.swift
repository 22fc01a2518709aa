import ArgumentParser
import Tensors
import ViT

/// How the program runs.
struct RunOptions: ParsableArguments {
    @Option(help: "The most threads that work at once. (default: one for each processor)")
    var threads: Int?

    @Flag(help: "Write neither progress nor a summary.")
    var quiet = false

    func validate() throws {
        try check(threads, atLeast: 1, "--threads")
    }

    func apply() {
        if let threads { Parallelism.threadCount = threads }
    }
}

/// The network.
struct WeightOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            The network: a DINO .pth file, a training checkpoint, or a safetensors file. (default: \
            the small network that comes with the program)
            """, valueName: "file"))
    var weights: String?

    @Option(help: "The network's attention heads. (default: what the file says, or width / 64)")
    var heads: Int?

    func validate() throws {
        try check(heads, atLeast: 1, "--heads")
        if heads != nil && weights == nil {
            throw ValidationError("--heads needs --weights.")
        }
    }

    /// What the network is called in reports and sentences.
    var name: String { weights ?? "the default weights" }

    /// The files that no result may replace.
    var inputs: [String] { weights.map { [$0] } ?? [] }

    /// Opens the weights and reads them.
    func network() throws -> VisionTransformer {
        guard let weights else { return try .bundled() }
        return try VisionTransformer(contentsOf: weights, heads: heads)
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
        guard (0...4096).contains(loadSize) else {
            throw ValidationError("--load-size \(loadSize) is not from 0 to 4096.")
        }
    }

    var preprocessing: Preprocessing { Preprocessing(loadSize: loadSize == 0 ? nil : loadSize) }
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

/// - Throws: for the argument parser, which shows the usage and ends with status 64.
func check(_ value: Int?, atLeast least: Int, _ option: String) throws {
    if let value, value < least {
        throw ValidationError("\(option) \(value) is not at least \(least).")
    }
}
