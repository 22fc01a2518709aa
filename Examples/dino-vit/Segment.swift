import ArgumentParser
import Descriptors
import Images
import ViT

/// Finds masks of the objects that several photos have in common.
struct Segment: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find the objects that several photos have in common.",
        discussion: """
            Writes STEM.mask.png for each photo, a mask of the photo's size with 255 for common objects \
            and 0 elsewhere, and STEM.mask.overlay.png, the object over the paled photo. The photos' \
            descriptors are clustered; clusters that are salient in most photos are the objects. In a \
            folder of folders each is a set of its own, whose results go into a folder of the same name.

            Example: dino-vit segment photos/ --weights dino_vits8.pth --output masks
            """)

    @Argument(
        help: ArgumentHelp(
            "Photos, a folder of photos, or a folder of such folders.", valueName: "dir"))
    var images: [String]

    @OptionGroup var file: WeightOptions

    @OptionGroup var clustering: ClusteringOptions

    @Flag(help: "Exclude photos of something else (outliers); their masks are empty.")
    var removeOutliers = false

    @Option(
        help: """
            A photo is an outlier if the cosine between its class token and the mean class token is \
            below this; with --remove-outliers. (default: \
            \(CoSegmentation.Options.usualOutlierThreshold))
            """)
    var outlierThreshold: Float?

    @OptionGroup var place: OutputOptions

    @OptionGroup var options: RunOptions

    func validate() throws {
        if let outlierThreshold {
            try check(
                outlierThreshold, CoSegmentation.Options.Bounds.outlierThreshold,
                "--outlier-threshold")
            guard removeOutliers else {
                throw ValidationError("--outlier-threshold needs --remove-outliers.")
            }
        }
        if removeOutliers && clustering.model != nil {
            throw ValidationError(
                "--remove-outliers cannot be combined with --model, whose options are fixed.")
        }
    }

    func run() throws {
        options.apply()
        let sets = try PictureSets(
            images, output: place.output, keeping: clustering.inputs + file.inputs,
            reserving: clustering.places, quiet: options.quiet)
        try clustering.checkSaving(of: sets)
        let network = try file.network()
        let fitted = try clustering.model.map { try CoSegmentation(contentsOf: $0) }
        let fitting = fittingOptions(for: network)
        let taps = fitted?.options.taps ?? fitting.taps
        try clustering.checkNetwork(network, of: taps)
        try sets.perform { pictures, output in
            var run = SegmentationRun(
                pictures, network: network, taps: taps, quiet: options.quiet)
            let segmented = try run.features(forFitting: fitted == nil)
            let model =
                fitted ?? CoSegmentation(fitting: segmented.map(\.features), options: fitting)
            if let path = clustering.model, let first = segmented.first {
                try model.check(first.features, path: path)
            }
            let saved = try clustering.save { try model.write(to: $0) }
            if !options.quiet {
                Terminal.say(
                    "\(model.isSalient.count) clusters, \(model.isSalient.count { $0 }) of them"
                        + " foreground" + saved)
            }
            try run.perform(segmented, "masks") { picture in
                try write(model.mask(of: picture.features), of: picture, to: output)
            }
            try run.finish()
        }
    }

    private func fittingOptions(for network: VisionTransformer) -> CoSegmentation.Options {
        var options = clustering.options(for: network)
        if clustering.noRefinement { options.refinement = nil }
        if removeOutliers {
            options.outlierThreshold =
                outlierThreshold ?? CoSegmentation.Options.usualOutlierThreshold
        }
        return options
    }

    private func write(
        _ mask: LabelMap, of picture: SegmentationRun.Segmented, to output: OutputFolder
    ) throws -> String {
        let data = try output.file(DrawnPicture.mask.name(for: picture.picture.stem))
        let drawing = try output.file(DrawnPicture.maskOverlay.name(for: picture.picture.stem))
        let geometry = picture.features.descriptors.geometry
        let whole = mask.resized(width: geometry.photoWidth, height: geometry.photoHeight)
        let picture = mask.drawn(
            over: picture.display, palette: [.black, .white], strength: 0)
        try Image.writeGrayPNG(
            whole.labels.map { $0 * 255 }, width: whole.width, height: whole.height, to: data)
        try picture.writePNG(to: drawing)
        let part = Double(mask.labels.count { $0 > 0 }) / Double(mask.labels.count)
        return "\(data): \(Int((100 * part).rounded())) % foreground; \(drawing)"
    }
}
