import ArgumentParser
import Descriptors
import Foundation
import Images
import Tensors
import ViT

/// Correspondences between two pictures, as data and as a picture.
struct Match: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find pairs of points that show the same in two photos.",
        discussion: """
            Writes matches.json, the pairs in pixels of the original photos with their similarity \
            and saliency, and matches.png, both photos side by side with the pairs numbered, the \
            most salient first. Fewer pairs than asked for, or none, are a result.

            Example: dino-vit match cat.jpg ibex.jpg --weights dino_vits8.pth --output results
            """)

    @Argument(help: ArgumentHelp("The photo to match from.", valueName: "a"))
    var source: String

    @Argument(help: ArgumentHelp("The photo to match to.", valueName: "b"))
    var target: String

    @OptionGroup var network: NetworkOptions

    @Option(help: "The most pairs that are found.")
    var pairs = 10

    @Option(
        help: """
            The layer whose descriptors are compared, counted from 0. (default: 9, or the last of \
            a network that has fewer)
            """)
    var layer: Int?

    @Option(help: "What is compared of the layer.")
    var facet = FacetArgument.key

    @Option(help: ArgumentHelp("The step from patch to patch.", valueName: "pixels"))
    var stride = 4

    @Option(help: "Patches are foreground where their saliency, 0…1, is above this.")
    var threshold: Float = 0.05

    @Flag(help: "Compare plain descriptors, not log-binned ones.")
    var noBin = false

    @Option(help: "Seeds the choice of pairs.")
    var seed: UInt64 = 0

    @OptionGroup var options: RunOptions

    func validate() throws {
        try check(pairs, atLeast: 1, "--pairs")
        try check(layer, atLeast: 0, "--layer")
        try check(stride, atLeast: 1, "--stride")
        guard threshold.isFinite else {
            throw ValidationError("--threshold \(threshold) is not a number.")
        }
    }

    func run() throws {
        options.apply()
        let output = try OutputFolder(
            network.place.output, keeping: [source, target, network.file.weights])
        let data = try output.file("matches.json")
        let drawing = try output.file("matches.png")
        var progress = Progress(2, of: "photos", quiet: options.quiet)
        progress.note("reading")
        let (model, photos) = try load()
        let options = correspondenceOptions(for: model)
        let extractor = Extractor(
            model, preprocessing: network.preprocessing, stride: options.stride)
        let tap = FeatureTap(layer: options.layer, facet: options.facet)
        try extractor.check([tap])
        let features = try photos.map { photo in
            progress.note("features of \(photo.path)")
            defer { progress.advance() }
            return try naming(photo) { () throws(ExtractionError) in
                try extractor.imageFeatures(
                    of: photo.input, layer: options.layer, facet: options.facet)
            }
        }
        progress.note("matching")
        let result = correspondences(between: features[0], and: features[1], options: options)
        let report = MatchReport(result, photos: photos, grids: features.map(\.descriptors.grid))
        try MatchPicture(photos).drawn(result.pairs).writePNG(to: drawing)
        try writeJSON(report, to: data)
        progress.finish()
        if !self.options.quiet {
            print(
                "\(result.bestBuddies) best buddies, \(result.salientBuddies) of them salient, "
                    + "\(result.pairs.count) pairs chosen: \(data), \(drawing)")
        }
    }

    /// The weights and both photos, read at the same time.
    private func load() throws -> (model: VisionTransformer, photos: [Photo]) {
        enum Loaded {
            case model(VisionTransformer)
            case photo(Photo)
        }
        let paths = [source, target]
        var model: VisionTransformer?
        var photos: [Photo] = []
        let loaded = inParallel(1 + paths.count) { index -> Loaded in
            // The photos first: they take longer than weights in the system's cache.
            guard index < paths.count else { return .model(try network.file.network()) }
            return .photo(
                try Photo(
                    contentsOf: paths[index], preprocessing: network.preprocessing,
                    displaySize: MatchPicture.displaySize))
        }
        for result in loaded {
            switch try result.get() {
            case .model(let value): model = value
            case .photo(let photo): photos.append(photo)
            }
        }
        guard let model else { preconditionFailure("match: the weights were not read") }
        return (model, photos)
    }

    private func correspondenceOptions(for model: VisionTransformer) -> Correspondences.Options {
        var options = Correspondences.Options()
        options.layer = layer ?? min(options.layer, model.configuration.depth - 1)
        options.facet = facet.facet
        options.stride = PatchStride(stride)
        options.loadSize = network.preprocessing.loadSize
        if noBin { options.binning = .none }
        options.threshold = threshold
        options.pairs = pairs
        options.seed = seed
        return options
    }
}
