import ArgumentParser
import Descriptors
import Foundation
import Images
import Platform
import ViT

/// Finds the objects of a video's first frame in all its frames.
struct VideoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "video",
        abstract: "Find the objects of a video's first frame in the others.",
        discussion: """
            The frames are the photos of a folder, in the order of their names. Writes masks/STEM.png \
            for each, in the form of the first mask (gray; or palette indices as in DAVIS, also for \
            coloured masks), and pictures/STEM.png, the masks over the frames. With --truth also writes \
            scores.json: J, F and their mean as in the DAVIS benchmark, without the first and the last \
            frame.

            Example: dino-vit video DAVIS/JPEGImages/480p/dog --first-mask \
            DAVIS/Annotations/480p/dog/00000.png --weights dino_vits8.pth --output results
            """)

    @Argument(help: ArgumentHelp("The folder of the frames.", valueName: "dir"))
    var folder: String

    @Option(
        help: ArgumentHelp(
            """
            The first frame's mask, a PNG file of the frame's size: palette indices, gray levels or \
            colours denote objects; 0, black or transparent is background.
            """, valueName: "file"))
    var firstMask: String

    @Option(
        help: ArgumentHelp(
            "A folder of true masks for scoring, STEM.png for each frame.", valueName: "dir"))
    var truth: String?

    @OptionGroup var file: WeightOptions

    @Option(
        help: ArgumentHelp(
            """
            The frames' shorter side in the network, in pixels; the longer becomes a multiple of 64.
            """, valueName: "pixels"))
    var loadSize = VideoSegmenter.Options().shorterSide

    @Option(help: "The number of previous frames compared with a frame, in addition to the first.")
    var previousFrames = MaskPropagation.Options().previousFrames

    @Option(
        help: ArgumentHelp(
            "The maximum distance between compared patches, in rows and in columns.",
            valueName: "patches"))
    var reach = MaskPropagation.Options().reach

    @Option(help: "The number of similar patches whose masks are averaged.")
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
            throw Failure("\(folder) is not a folder; expected a folder of frames")
        }
        let named = try NamedPictures([folder], sharingNames: false)
        for line in named.passedOver where !options.quiet { Terminal.note(line) }
        let frames = named.pictures
        let truths = truth.map { folder in
            frames.map { Path.joined(folder, $0.stem + ".png") }
        }
        for path in truths ?? [] where FileSystem.kind(of: path) == nil {
            throw Failure("\(path) cannot be read: there is no such file, but a frame of its name")
        }
        let inputs = frames.map(\.path) + (truths ?? []) + file.inputs + [firstMask]
        let root = place.output
        let masks = try OutputFolder(Path.joined(root, "masks"), keeping: inputs)
        let pictures = try OutputFolder(Path.joined(root, "pictures"), keeping: inputs)
        let first = try LabelFile(firstMask)
        try checkSizes(of: frames)
        warn(aboutOrderOf: frames)
        var segmenter = try VideoSegmenter(
            file.network(), first: Image(contentsOf: frames[0].path), labels: first.labels,
            naming: frames[0].path,
            mask: firstMask, options: segmenterOptions)
        // Checked first, so that a mask that does not fit the others is found before any work is done.
        for (index, truth) in (truths ?? []).enumerated() {
            _ = try first.truth(truth, isFirst: index == 0)
        }
        var scores = truths.map { _ in VideoScores(first: first.labels) }
        if scores != nil, frames.count < 3 {
            throw Failure(
                "\(frames.count) frames cannot be scored, as the first and the last do not count")
        }
        var progress = Progress(frames.count, of: "frames", quiet: options.quiet)
        for (index, frame) in frames.enumerated() {
            progress.note("frame \(index + 1) of \(frames.count)")
            let image = try Image(contentsOf: frame.path)
            let found =
                index == 0 ? first.labels : try segmenter.labels(of: image, naming: frame.path)
            try first.write(found, to: masks.file(frame.stem + ".png"))
            try found.drawn(over: image.display(), palette: first.colours, strength: 0.55)
                .writePNG(to: pictures.file(frame.stem + ".png"))
            if let truths, index > 0, index + 1 < frames.count {
                scores?.add(found, truth: try first.truth(truths[index], isFirst: false))
            }
            progress.advance()
        }
        progress.finish()
        var line =
            "\(frames.count) masks of \(first.objectCount)"
            + " object\(first.objectCount == 1 ? "" : "s"): \(Path.joined(root, "masks")),"
            + " \(Path.joined(root, "pictures"))"
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

    /// Checks by their headers that all frames have one size, so that no work is lost to the last one.
    private func checkSizes(of frames: [Picture]) throws {
        let first = try Image.size(ofFile: frames[0].path)
        for frame in frames.dropFirst() {
            let size = try Image.size(ofFile: frame.path)
            guard size == first else {
                let fault = VideoError.size(
                    width: size.width, height: size.height, expectedWidth: first.width,
                    expectedHeight: first.height)
                throw Failure("\(frame.path): \(fault)")
            }
        }
    }

    /// Warns if the frames' order by name differs from that by number.
    private func warn(aboutOrderOf frames: [Picture]) {
        /// A name without its numbers.
        func words(_ name: String) -> [Substring] {
            name.split(omittingEmptySubsequences: false) { $0.isNumber }.filter { !$0.isEmpty }
        }
        let pairs = zip(frames, frames.dropFirst())
        guard
            let (first, next) = pairs.first(where: { first, next in
                words(first.stem) == words(next.stem)
                    && first.stem.compare(next.stem, options: .numeric) == .orderedDescending
            })
        else { return }
        let sentence =
            "the frames are processed in the order of their names, in which \(first.stem) comes before"
            + " \(next.stem); to order them by number, add leading zeros"
        Terminal.note("warning: \(sentence)")
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

/// The content of scores.json; all scores are in 0…1.
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
