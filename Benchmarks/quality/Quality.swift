import ArgumentParser
import Descriptors
import Foundation
import Scores
import Tensors
import ViT

/// Prints the scores of a network, of the same network untrained, and of handcrafted baselines.
@main
struct Quality: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quality",
        abstract: "Score a network's features and compare them with baselines.",
        discussion: """
            DATA contains the folders described in Docs/DefaultWeights.md: flowers5 (train and val), \
            keypoints, davis and graf; the scores of missing ones are left out.

            Example: swift run -c release quality --data DATA --weights run/teacher.safetensors
            """)

    @Option(
        help: ArgumentHelp(
            "The folder of the pictures; --agreement does not need it.", valueName: "dir"))
    var data: String?

    @Option(help: ArgumentHelp("The network.", valueName: "file"))
    var weights: String?

    @Option(help: "The network's attention heads.")
    var heads: Int?

    @Option(help: "The precision of its linear maps: float32, int16 or int8.")
    var precision = Precision.float32

    @Option(
        help: ArgumentHelp(
            "A folder of photos: only compare the features of --precision with those of float32.",
            valueName: "dir"))
    var agreement: String?

    @Option(
        help: ArgumentHelp(
            "The architecture of the untrained network, if no weights are given.",
            valueName: "widthxdepthxheads"))
    var arch: String?

    @Option(help: "The patch size of --arch, in pixels.")
    var patchSize = 8

    @Option(help: "The seed of the untrained network.")
    var seed: UInt64 = 0

    @Option(
        help: ArgumentHelp(
            "A folder of features to score as well: keypoints/NAME.npy for each picture of keypoints.",
            valueName: "dir"))
    var maps: String?

    @Option(
        help: "The layer of the descriptors, from 0. (default: at three quarters of the depth)")
    var layer: Int?

    @Option(help: "The output of the layer: key, query, value, token or classAttention.")
    var facet = Facet.key

    @Option(help: "The step between patches. (default: 4; 8 with --quick)")
    var stride: Int?

    @Option(help: "The photos' shorter side for descriptors.")
    var loadSize = 224

    @Flag(help: "Compare descriptors without log-binning.")
    var noBin = false

    @Flag(help: "Use fewer patches and smaller pictures, to compare many networks.")
    var quick = false

    @Flag(help: "Leave out the handcrafted baselines.")
    var noBaselines = false

    @Flag(help: "Leave out the untrained network.")
    var noUntrained = false

    @Flag(help: "Print a line of JSON for each row, too.")
    var json = false

    @Option(
        help: "Measures to take: knn, keypoints, foreground, creatures, wall. (default: all)")
    var only: [String] = []

    @Option(help: "The maximum number of threads.")
    var threads: Int?

    func run() throws {
        if let threads { Parallelism.threadCount = threads }
        if let agreement { return try compare(onPhotosIn: agreement) }
        guard let data else { throw ValidationError("--data is missing") }
        let examination = try Examination(
            data: data, isQuick: quick, only: only.isEmpty ? nil : Set(only))
        var table = Table(isJSON: json)
        func add(_ title: String, _ figures: () throws -> [Figure]) rethrows {
            let start = ContinuousClock.now
            let row = try figures()
            table.add(title, row, time: ContinuousClock.now - start)
        }
        func measure(_ title: String, _ make: () throws -> any Describer) throws {
            try add(title) { try examination.figures(of: try make()) }
        }
        func describer(_ model: VisionTransformer) -> NetworkDescriber {
            NetworkDescriber(
                model, features, binning: binning, view: CentreView(loadSize: quick ? 64 : 128))
        }
        var configuration = try architecture()
        if let weights {
            let model = try network(for: precision)
            configuration = model.configuration
            try measure(URL(fileURLWithPath: weights).lastPathComponent) { describer(model) }
        }
        if let configuration, !noUntrained {
            try measure("untrained \(configuration.name)") {
                var generator = Xoshiro256(seed: seed)
                return describer(VisionTransformer(untrained: configuration, using: &generator))
            }
        }
        if let maps {
            try add(URL(fileURLWithPath: maps).lastPathComponent) {
                try examination.figures(ofMapsIn: maps)
            }
        }
        if !noBaselines {
            let view = PatchView(
                loadSize: loadSize, stride: cellStride, patchSize: configuration?.patchSize ?? 8)
            try measure("colour") { ColourDescriber(view) }
            try measure("HOG") { GradientDescriber(view) }
            // Stronger baselines: with log-binning, as the network's descriptors have.
            try measure("colour, log-binned") { ColourDescriber(view, binning: .logarithmic()) }
            try measure("HOG, log-binned") { GradientDescriber(view, binning: .logarithmic()) }
        }
        table.finish()
    }

    private func network(for precision: Precision) throws -> VisionTransformer {
        guard let weights else { return try .bundled().prepared(for: precision) }
        return try WeightFile(contentsOf: weights, heads: heads).network(for: precision)
    }

    private func compare(onPhotosIn folder: String) throws {
        let agreement = try Agreement(
            network(for: .float32), network(for: precision), features, binning: binning,
            photosIn: folder)
        print("\(precision.rawValue): \(agreement)")
    }

    private var cellStride: Int { stride ?? (quick ? 8 : 4) }

    /// How descriptors are extracted.
    private var features: FeatureOptions {
        FeatureOptions(
            layer: layer, facet: facet, stride: PatchStride(cellStride), loadSize: loadSize)
    }

    /// How descriptors are compared.
    private var binning: Binning { noBin ? .none : .logarithmic() }

    private func architecture() throws -> VisionTransformer.Configuration? {
        guard let arch else { return nil }
        guard let size = VisionTransformer.Configuration(arch) else {
            throw ValidationError("--arch \(arch) is not WIDTHxDEPTHxHEADS.")
        }
        return size.sized(patchSize: patchSize, imageSize: 224)
    }
}

extension Facet: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
