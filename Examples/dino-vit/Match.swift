import ArgumentParser
import Descriptors
import Foundation
import Images
import Platform
import Tensors
import ViT

/// Finds correspondences between two pictures and writes them as data and as a picture.
struct Match: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find pairs of corresponding points in two photos.",
        discussion: """
            Writes matches.json, the pairs in pixels of the original photos with their similarity \
            and saliency, and matches.png, both photos side by side with the pairs numbered, the \
            most salient first. There may be fewer pairs than requested, or none. For a folder of \
            folders, each with the two photos of a pair, the results go into folders of the same \
            names.

            Example: dino-vit match cat.jpg ibex.jpg --weights dino_vits8.pth --output results
            """)

    @Argument(
        help: ArgumentHelp(
            "The photo to match from; or a folder of two photos, or a folder of such folders.",
            valueName: "a"))
    var source: String

    @Argument(help: ArgumentHelp("The photo to match to.", valueName: "b"))
    var target: String?

    @OptionGroup var network: NetworkOptions

    @Option(help: "The maximum number of pairs.")
    var pairs = 10

    @Option(
        help: """
            The layer whose descriptors are compared, counted from 0, or from the end, -1 being the \
            last. (default: at three quarters of the depth, 9 of twelve)
            """)
    var layer: Int?

    @Option(help: "Which output of the layer to compare.")
    var facet = FacetArgument.key

    @Option(help: Help.fineStride)
    var stride: Int?

    @Option(help: "Patches are foreground if their saliency, 0…1, is above this.")
    var threshold: Float = 0.05

    @Flag(help: "Compare plain instead of log-binned descriptors.")
    var noBin = false

    @Option(help: "Seed of the choice of pairs.")
    var seed: UInt64 = 0

    @OptionGroup var options: RunOptions

    func validate() throws {
        guard target != nil || FileSystem.isFolder(source) else {
            throw ValidationError("\(source) is not a folder of photos; a second photo is needed.")
        }
        try check(pairs, Correspondences.Options.pairCounts, "--pairs")
        try check(layer, FeatureTap.layers, "--layer")
        try check(stride, PatchStride.steps, "--stride")
        try check(threshold, SaliencyMap.thresholds, "--threshold")
    }

    func run() throws {
        options.apply()
        let sets = try PictureSets(
            [source] + (target.map { [$0] } ?? []), output: network.place.output,
            keeping: network.file.inputs, quiet: options.quiet, sharingNames: true)
        // A single pair is read in parallel with the weights.
        let model = sets.areFolders ? try network.file.network() : nil
        if let model { try extractor(model).check([tap(in: model)]) }
        try sets.perform { pictures, output in
            try match(pictures.map(\.path), with: model, into: output)
        }
    }

    private func match(
        _ paths: [String], with model: VisionTransformer?, into output: OutputFolder
    ) throws {
        guard paths.count == 2 else {
            throw Failure(
                "\(paths.count) picture\(paths.count == 1 ? "" : "s"), expected the 2 of a pair"
            )
        }
        let data = try output.file(DrawnPicture.matches.report)
        let drawing = try output.file(DrawnPicture.matches.picture)
        var progress = Progress(2, of: "photos", quiet: options.quiet)
        progress.note("reading")
        let (model, photos) = try load(paths, model)
        let extractor = extractor(model)
        let tap = tap(in: model)
        try extractor.check([tap])
        let features = try photos.map { photo in
            progress.note("features of \(photo.path)")
            defer { progress.advance() }
            return try naming(photo) { () throws(ExtractionError) in
                try extractor.imageFeatures(of: photo.input, layer: tap.layer, facet: tap.facet)
            }
        }
        progress.note("matching")
        let result = correspondences(
            between: features[0], and: features[1], options: correspondenceOptions)
        let report = MatchReport(result, photos: photos, grids: features.map(\.descriptors.grid))
        try MatchPicture(photos).drawn(result.pairs).writePNG(to: drawing)
        try writeJSON(report, to: data)
        progress.finish()
        if !options.quiet {
            Terminal.say(
                "\(result.bestBuddies) best buddies, \(result.salientBuddies) of them salient, "
                    + "\(result.pairs.count) pairs chosen: \(data), \(drawing)")
        }
    }

    /// Reads both photos and, unless `model` is given, the weights in parallel.
    private func load(
        _ paths: [String], _ model: VisionTransformer?
    ) throws -> (model: VisionTransformer, photos: [Photo]) {
        enum Loaded {
            case model(VisionTransformer)
            case photo(Photo)
        }
        var model = model
        var photos: [Photo] = []
        // Opening reads only the header, which is fast.
        let file = model == nil ? try network.file.opened() : nil
        guard let configuration = model?.configuration ?? file?.configuration else {
            fail("match: no weights were opened")
        }
        let loaded = inParallel(paths.count + (model == nil ? 1 : 0)) { index -> Loaded in
            // The photos first: they take longer than cached weights.
            guard index < paths.count else { return .model(try network.file.network(file)) }
            return .photo(
                try Photo(
                    contentsOf: paths[index], preprocessing: network.preprocessing,
                    for: configuration, displaySize: MatchPicture.displaySize))
        }
        for result in loaded {
            switch try result.get() {
            case .model(let value): model = value
            case .photo(let photo): photos.append(photo)
            }
        }
        guard let model else { fail("match: the weights were not read") }
        return (model, photos)
    }

    private func extractor(_ model: VisionTransformer) -> Extractor {
        Extractor(
            model, preprocessing: network.preprocessing,
            stride: .fine(stride, for: model.configuration))
    }

    /// The features that are compared.
    private func tap(in model: VisionTransformer) -> FeatureTap {
        FeatureTap(layer: layer ?? model.configuration.layerForMatching, facet: facet.facet)
    }

    /// The options that apply after the features are extracted.
    private var correspondenceOptions: Correspondences.Options {
        var options = Correspondences.Options()
        if noBin { options.binning = .none }
        options.threshold = threshold
        options.pairs = pairs
        options.seed = seed
        return options
    }
}
