import ArgumentParser
import Descriptors
import Images
import Platform
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

    @OptionGroup var features: FeatureArguments

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
        try check(threshold, SaliencyMap.thresholds, "--threshold")
    }

    func run() throws {
        options.apply()
        let sets = try PictureSets(
            [source] + (target.map { [$0] } ?? []), output: network.place.output,
            keeping: network.file.inputs, quiet: options.quiet, sharingNames: true)
        // Opening reads only the header, which is fast.
        let file = try network.file.opened()
        let matching = matchingOptions(for: file.configuration)
        // A single pair is read in parallel with the weights.
        let model = sets.areFolders ? try network.file.network(file) : nil
        if let model { try matching.extractor(for: model).check() }
        try sets.perform { pictures, output in
            try match(pictures.map(\.path), file, model, matching, into: output)
        }
    }

    /// - Parameters:
    ///   - file: the weights.
    ///   - model: their network, if it has been read.
    private func match(
        _ paths: [String], _ file: WeightFile, _ model: VisionTransformer?,
        _ matching: Correspondences.Options, into output: OutputFolder
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
        let (model, photos) = try load(paths, file, model, matching.features.preprocessing)
        let extractor = matching.extractor(for: model)
        try extractor.check()
        let features = try photos.map { photo in
            progress.note("features of \(photo.path)")
            defer { progress.advance() }
            return try naming(photo.path) { () throws(ExtractionError) in
                try extractor.imageFeatures(of: photo.input)
            }
        }
        progress.note("matching")
        let result = correspondences(
            between: features[0], and: features[1], options: matching)
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
        _ paths: [String], _ file: WeightFile, _ model: VisionTransformer?,
        _ preprocessing: Preprocessing
    ) throws -> (model: VisionTransformer, photos: [Photo]) {
        enum Loaded {
            case model(VisionTransformer)
            case photo(Photo)
        }
        var model = model
        var photos: [Photo] = []
        let loaded = inParallel(paths.count + (model == nil ? 1 : 0)) { index -> Loaded in
            // The photos first: they take longer than cached weights.
            guard index < paths.count else { return .model(try network.file.network(file)) }
            return .photo(
                try Photo(
                    contentsOf: paths[index], preprocessing: preprocessing,
                    for: file.configuration, displaySize: MatchPicture.displaySize))
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

    private func matchingOptions(
        for network: VisionTransformer.Configuration
    ) -> Correspondences.Options {
        var options = Correspondences.Options(features: features.options(for: network))
        if noBin { options.binning = .none }
        options.threshold = threshold
        options.pairs = pairs
        options.seed = seed
        return options
    }
}
