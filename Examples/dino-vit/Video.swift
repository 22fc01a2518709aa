import ArgumentParser
import Descriptors
import Foundation
import Images
import Platform
import Tensors
import ViT

/// Objects of a video's first frame in all its frames.
struct VideoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "video",
        abstract: "Find the objects of a video's first frame in the others.",
        discussion: """
            The frames are the photos of a folder, in the order of their names. Writes \
            masks/STEM.png for each, in the form of the first mask (gray, or indices as DAVIS has \
            them), and pictures/STEM.png, the masks over the frames. With --truth also scores.json: \
            J, F and their mean as the DAVIS benchmark computes them, the first and the last frame \
            left out.

            Example: dino-vit video DAVIS/JPEGImages/480p/dog --first-mask \
            DAVIS/Annotations/480p/dog/00000.png --weights dino_vits8.pth --output results
            """)

    @Argument(help: ArgumentHelp("The folder of the frames.", valueName: "dir"))
    var folder: String

    @Option(
        help: ArgumentHelp(
            "The first frame's mask: a PNG file of its size, the background black.",
            valueName: "file"))
    var firstMask: String

    @Option(
        help: ArgumentHelp(
            "A folder of true masks, STEM.png for each frame, to compare with.", valueName: "dir"))
    var truth: String?

    @OptionGroup var file: WeightOptions

    @Option(
        help: ArgumentHelp(
            """
            The frames' shorter side in the network, in pixels; the longer becomes a multiple of 64.
            """, valueName: "pixels"))
    var loadSize = VideoSegmenter.Options().shorterSide

    @Option(help: "How many of the frames before one are looked at, beside the first.")
    var previousFrames = MaskPropagation.Options().previousFrames

    @Option(
        help: ArgumentHelp(
            "How far around a patch others are looked at, each way.", valueName: "patches"))
    var reach = MaskPropagation.Options().reach

    @Option(help: "How many patches a patch takes its mask from.")
    var neighbours = MaskPropagation.Options().neighbours

    @OptionGroup var place: OutputOptions

    @OptionGroup var options: RunOptions

    func validate() throws {
        typealias Bounds = MaskPropagation.Options.Bounds
        try check(loadSize, VideoSegmenter.Options.shorterSides, "--load-size")
        try check(previousFrames, Bounds.previousFrames, "--previous-frames")
        try check(reach, Bounds.reach, "--reach")
        try check(neighbours, Bounds.neighbours, "--neighbours")
    }

    func run() throws {
        options.apply()
        guard FileSystem.isFolder(folder) else {
            throw Failure("\(folder) is no folder; expected one of frames")
        }
        let named = try NamedPictures([folder], sharingNames: false)
        for line in named.passedOver where !options.quiet { Terminal.note(line) }
        let frames = named.pictures
        let truths = truth.map { folder in
            frames.map { Path.joined(folder, $0.stem + ".png") }
        }
        for path in truths ?? [] where FileSystem.kind(of: path) == nil {
            throw Failure("\(path) cannot be read: there is no such file, and a frame of its name")
        }
        let inputs = frames.map(\.path) + (truths ?? []) + file.inputs + [firstMask]
        let root = place.output
        let masks = try OutputFolder(Path.joined(root, "masks"), keeping: inputs)
        let pictures = try OutputFolder(Path.joined(root, "pictures"), keeping: inputs)
        let (form, first) = try LabelFile.read(firstMask)
        guard first.objects.count > 1 else {
            throw Failure("\(firstMask) is black all over; expected objects in other colours")
        }
        var segmenter = try VideoSegmenter(
            file.network(), first: Image(contentsOf: frames[0].path), labels: first,
            naming: frames[0].path,
            mask: firstMask, options: segmenterOptions)
        var scores = try truths.map { VideoScores(first: try form.labels(in: $0[0])) }
        if let scores, scores.objects.isEmpty || frames.count < 3 {
            throw Failure(
                "nothing can be judged of \(scores.objects.count) objects in \(frames.count) frames,"
                    + " of which the first and the last are left out")
        }
        let colours = form.colours(of: first.objects.filter { $0 != 0 })
        var progress = Progress(frames.count, of: "frames", quiet: options.quiet)
        for (index, frame) in frames.enumerated() {
            progress.note("frame \(index + 1) of \(frames.count)")
            let image = try Image(contentsOf: frame.path)
            let found =
                index == 0 ? first : try segmenter.labels(of: image, naming: frame.path)
            try form.write(found, to: masks.file(frame.stem + ".png"))
            let size = HeatMap.displaySize(width: image.width, height: image.height)
            let display = image.resized(width: size.width, height: size.height, using: .bilinear)
            try found.drawn(over: display, palette: colours, strength: 0.55)
                .writePNG(to: pictures.file(frame.stem + ".png"))
            if let truths, index > 0, index + 1 < frames.count {
                let truth = try form.labels(in: truths[index])
                guard truth.width == found.width, truth.height == found.height else {
                    throw Failure(
                        "\(truths[index]): \(truth.width)x\(truth.height) pixels, and expected"
                            + " \(found.width)x\(found.height), its frame's")
                }
                scores?.add(found, truth: truth)
            }
            progress.advance()
        }
        progress.finish()
        var line =
            "\(frames.count) masks: \(Path.joined(root, "masks")), \(Path.joined(root, "pictures"))"
        if let scores {
            let path = try OutputFolder(place.output, keeping: inputs).file("scores.json")
            try writeJSON(VideoReport(scores), to: path)
            func percent(_ value: Double) -> String { String(format: "%.1f", 100 * value) }
            line +=
                "; J \(percent(scores.region)), F \(percent(scores.contour)), "
                + "J&F \(percent(scores.mean)): \(path)"
        }
        if !options.quiet { Terminal.say(line) }
    }

    private var segmenterOptions: VideoSegmenter.Options {
        var options = VideoSegmenter.Options()
        options.shorterSide = loadSize
        options.propagation.previousFrames = previousFrames
        options.propagation.reach = reach
        options.propagation.neighbours = neighbours
        return options
    }
}

/// The content of scores.json: shares, 0…1.
private struct VideoReport: Encodable {
    struct Object: Encodable {
        let label: UInt8
        let j: Double
        let f: Double
    }
    let j: Double
    let f: Double
    let jAndF: Double
    let objects: [Object]

    init(_ scores: VideoScores) {
        j = scores.region
        f = scores.contour
        jAndF = scores.mean
        objects = scores.objects.map { Object(label: $0.label, j: $0.region, f: $0.contour) }
    }
}

extension VideoSegmenter {
    fileprivate init(
        _ model: VisionTransformer, first frame: Image, labels: LabelMap, naming path: String,
        mask: String, options: Options
    ) throws {
        do {
            try self.init(model, first: frame, labels: labels, options: options)
        } catch {
            if case .size = error { throw Failure("\(mask): \(error)") }
            throw Failure("\(path): \(error)")
        }
    }

    fileprivate mutating func labels(of frame: Image, naming path: String) throws -> LabelMap {
        do {
            return try labels(of: frame)
        } catch {
            throw Failure("\(path): \(error)")
        }
    }
}
