import ArgumentParser
import Descriptors
import Foundation
import Images
import ViT

/// Masks of what several photos have in common.
struct Segment: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find the objects that several photos have in common.",
        discussion: """
            Writes STEM.mask.png for each photo, as large as the photo, 255 where it shows a common \
            object and 0 elsewhere, and STEM.mask.overlay.png, the object on a pale photo. The \
            photos' descriptors are divided into clusters; those that are salient in most photos \
            are the objects. Of a folder of folders each is a set of its own, whose results go into \
            a folder of its name.

            Example: dino-vit segment photos/ --weights dino_vits8.pth --output masks
            """)

    @Argument(
        help: ArgumentHelp(
            "A folder of photos, or of such folders; or photos.", valueName: "dir"))
    var images: [String]

    @OptionGroup var file: WeightOptions

    @OptionGroup var clustering: ClusteringOptions

    @Flag(help: "Leave out photos that show something else: their masks are empty.")
    var removeOutliers = false

    @Option(
        help: """
            A photo shows something else where the cosine of its class token with their mean is \
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
                throw ValidationError("--outlier-threshold goes with --remove-outliers.")
            }
        }
        if removeOutliers && clustering.model != nil {
            throw ValidationError(
                "--remove-outliers does not go with --model, which was fitted with its own.")
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
        let picture = try mask.drawn(
            over: picture.picture.display(), palette: [.black, .white], strength: 0)
        try Image.writeGrayPNG(
            whole.labels.map { $0 * 255 }, width: whole.width, height: whole.height, to: data)
        try picture.writePNG(to: drawing)
        let part = Double(mask.labels.count { $0 > 0 }) / Double(mask.labels.count)
        return "\(data): \(Int((100 * part).rounded())) % foreground; \(drawing)"
    }
}
