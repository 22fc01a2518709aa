import ArgumentParser
import Descriptors
import Images
import ViT

/// Finds parts of the objects that several photos have in common.
struct Parts: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find the parts of the objects that several photos have in common.",
        discussion: """
            Writes STEM.parts.png for each photo, a palette picture of the photo's size in which 0 is \
            background and a number means the same part in every photo, and STEM.parts.overlay.png, \
            the parts over the photo. In a folder of folders each is a set of its own, whose results \
            go into a folder of the same name.

            Example: dino-vit parts photos/ --parts 6 --weights dino_vits8.pth --output parts
            """)

    @Argument(
        help: ArgumentHelp(
            "Photos, a folder of photos, or a folder of such folders.", valueName: "dir"))
    var images: [String]

    @Option(help: "The number of parts, 1…255. (default: 4)")
    var parts: Int?

    @OptionGroup var file: WeightOptions

    @OptionGroup var clustering: ClusteringOptions

    @Option(
        help: ArgumentHelp(
            """
            The number of random crops of each photo, and of its mirror image, to cluster as well; \
            better for few, varied photos. (default: 0)
            """, valueName: "number"))
    var crops: Int?

    @Flag(help: "Drop objects that are missing from any photo before dividing the rest into parts.")
    var threeStages = false

    @Option(
        help: ArgumentHelp(
            "The elbow factor for the objects, with --three-stages. (default: 0.94)",
            valueName: "elbow"))
    var secondElbow: Double?

    @OptionGroup var place: OutputOptions

    @OptionGroup var options: RunOptions

    func validate() throws {
        typealias Bounds = PartCoSegmentation.Options.Bounds
        try check(parts, Bounds.parts, "--parts")
        try check(crops, Bounds.crops, "--crops")
        try check(secondElbow, DescriptorClustering.Bounds.elbow, "--second-elbow")
        if secondElbow != nil && !threeStages {
            throw ValidationError("--second-elbow needs --three-stages.")
        }
        if parts != nil || crops != nil || threeStages, clustering.model != nil {
            throw ValidationError(
                "--parts, --crops and --three-stages cannot be combined with --model, whose options"
                    + " are fixed.")
        }
    }

    func run() throws {
        options.apply()
        let sets = try PictureSets(
            images, output: place.output, keeping: clustering.inputs + file.inputs,
            reserving: clustering.places, quiet: options.quiet)
        try clustering.checkSaving(of: sets)
        let network = try file.network()
        let fitted = try clustering.model.map { try PartCoSegmentation(contentsOf: $0) }
        let fitting = fittingOptions(for: network)
        let taps = (fitted?.options ?? fitting).foreground.taps
        try clustering.checkNetwork(network, of: taps)
        try sets.perform { pictures, output in
            var run = SegmentationRun(
                pictures, network: network, taps: taps, quiet: options.quiet)
            let segmented = try run.features(forFitting: fitted == nil)
            let model = try fitted ?? fit(segmented, network, fitting)
            if let path = clustering.model, let first = segmented.first {
                try model.check(first.features, path: path)
            }
            let saved = try clustering.save { try model.write(to: $0) }
            if !options.quiet {
                Terminal.say(
                    "\(model.parts.shape[0]) parts and \(model.background.shape[0]) background"
                        + " clusters" + saved)
            }
            try run.perform(segmented, "part maps") { picture in
                try write(model.labels(of: picture.features), of: picture, model, to: output)
            }
            try run.finish()
        }
    }

    private func fittingOptions(for network: VisionTransformer) -> PartCoSegmentation.Options {
        var fitting = PartCoSegmentation.Options()
        fitting.foreground = clustering.options(for: network)
        fitting.parts = parts ?? fitting.parts
        fitting.crops = crops ?? fitting.crops
        if clustering.noRefinement { fitting.refinement = nil }
        if threeStages {
            fitting.stages = secondElbow.map { .three(elbow: $0) } ?? .three()
        }
        return fitting
    }

    private func fit(
        _ pictures: [SegmentationRun.Segmented], _ network: VisionTransformer,
        _ fitting: PartCoSegmentation.Options
    ) throws -> PartCoSegmentation {
        var progress = Progress(
            pictures.count * 2 * fitting.crops, of: "crops", quiet: options.quiet)
        var crops: [SegmentationFeatures] = []
        for (index, picture) in pictures.enumerated() {
            for crop in fitting.crops(of: picture.features.image, index: index) {
                crops.append(
                    try naming(picture.picture.path) { () throws(ExtractionError) in
                        try fitting.foreground.taps.features(of: crop, using: network)
                    })
                progress.advance()
            }
        }
        progress.note("clustering")
        defer { progress.finish() }
        return PartCoSegmentation(
            fitting: pictures.map(\.features), crops: crops, options: fitting)
    }

    private func write(
        _ labels: LabelMap, of picture: SegmentationRun.Segmented, _ model: PartCoSegmentation,
        to output: OutputFolder
    ) throws -> String {
        let data = try output.file(DrawnPicture.parts.name(for: picture.picture.stem))
        let drawing = try output.file(DrawnPicture.partsOverlay.name(for: picture.picture.stem))
        let geometry = picture.features.descriptors.geometry
        let palette = LabelMap.palette(parts: model.parts.shape[0])
        let whole = labels.resized(width: geometry.photoWidth, height: geometry.photoHeight)
        let overlay = labels.drawn(
            over: picture.display, palette: palette, strength: 0.55)
        try Image.writeIndexedPNG(
            whole.labels, width: whole.width, height: whole.height, palette: palette, to: data)
        try overlay.writePNG(to: drawing)
        let part = Double(labels.labels.count { $0 > 0 }) / Double(labels.labels.count)
        return "\(data): \(Set(labels.labels).subtracting([0]).count) parts on"
            + " \(Int((100 * part).rounded())) % of the photo; \(drawing)"
    }
}
