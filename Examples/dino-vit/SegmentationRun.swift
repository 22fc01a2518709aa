import Descriptors
import Images
import Tensors
import ViT

/// A set of pictures that are looked at together: all through the network, then results of each.
///
/// A broken picture does not stop the others: it is named at the end, by the error thrown.
struct SegmentationRun {
    private let pictures: [Picture]
    private let network: VisionTransformer
    private let taps: SegmentationTaps
    private let isQuiet: Bool
    private var failures: [String] = []

    /// A picture that went through the network.
    struct Segmented {
        let picture: Picture
        let features: SegmentationFeatures
    }

    init(_ pictures: [Picture], network: VisionTransformer, taps: SegmentationTaps, quiet: Bool) {
        self.pictures = pictures
        self.network = network
        self.taps = taps
        isQuiet = quiet
    }

    /// Puts the pictures through the network; the next ones are decoded in parallel.
    ///
    /// - Parameter forFitting: whether the saliency is needed too.
    /// - Throws: `Failure` where none of them can be used.
    mutating func features(forFitting: Bool) throws -> [Segmented] {
        var progress = Progress(pictures.count, of: "pictures", quiet: isQuiet)
        var results: [Segmented] = []
        let chunk = Parallelism.threadCount
        for start in stride(from: 0, to: pictures.count, by: chunk) {
            let decoded = Array(pictures[start..<min(start + chunk, pictures.count)])
            let inputs = inParallel(decoded.count) { index in
                let photo = try decoded[index].photo()
                return try naming(decoded[index].path) { () throws(ExtractionError) in
                    try taps.input(
                        of: photo, for: network.configuration, withSaliency: forFitting)
                }
            }
            for (picture, input) in zip(decoded, inputs) {
                progress.note("features of \(picture.path)")
                do {
                    let input = try input.get()
                    let features = try naming(picture.path) { () throws(ExtractionError) in
                        try taps.features(of: input, using: network, withSaliency: forFitting)
                    }
                    results.append(Segmented(picture: picture, features: features))
                } catch let failure as PictureFailure {
                    failures.append(failure.description)
                }
                progress.advance()
            }
        }
        progress.finish()
        if results.isEmpty { try finish() }
        return results
    }

    /// Makes the results of each picture, some at a time.
    ///
    /// - Parameter body: writes them and gives a line of the summary.
    mutating func perform(
        _ pictures: [Segmented], _ what: String, _ body: (Segmented) throws -> String
    ) throws {
        var progress = Progress(pictures.count, of: what, quiet: isQuiet)
        let chunk = Parallelism.threadCount
        for start in stride(from: 0, to: pictures.count, by: chunk) {
            let lines = inParallel(min(chunk, pictures.count - start)) { index in
                try body(pictures[start + index])
            }
            for line in lines {
                do {
                    let line = try line.get()
                    progress.finish()
                    if !isQuiet { Terminal.say(line) }
                } catch let failure as PictureFailure {
                    failures.append(failure.description)
                }
                progress.advance()
            }
        }
        progress.finish()
    }

    /// - Throws: `Failure` that names the pictures without a result, if there are any.
    func finish() throws { try pictures.check(failures) }
}

extension Picture {
    func photo() throws(PictureFailure) -> Image {
        do {
            return try Image(contentsOf: path)
        } catch {
            throw PictureFailure("\(error)")
        }
    }

    /// The photo in the size that results are drawn in.
    func display() throws(PictureFailure) -> Image {
        let photo = try photo()
        let (width, height) = HeatMap.displaySize(width: photo.width, height: photo.height)
        return photo.resized(width: width, height: height, using: .bilinear)
    }
}
