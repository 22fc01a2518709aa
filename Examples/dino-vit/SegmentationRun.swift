import Descriptors
import Images
import Tensors
import ViT

/// A set of pictures that are segmented together: features of all pictures first, then the results.
///
/// A broken picture does not stop the others; the error thrown at the end names it.
struct SegmentationRun {
    private let pictures: [Picture]
    private let network: VisionTransformer
    private let taps: SegmentationTaps
    private let isQuiet: Bool
    private var failures: [String] = []

    /// A picture with its features.
    struct Segmented {
        let picture: Picture
        let features: SegmentationFeatures
        /// The photo at the size that results are drawn at. A pipe cannot be read again for it.
        let display: Image
    }

    init(_ pictures: [Picture], network: VisionTransformer, taps: SegmentationTaps, quiet: Bool) {
        self.pictures = pictures
        self.network = network
        self.taps = taps
        isQuiet = quiet
    }

    /// Extracts the features of the pictures; the next ones are decoded in parallel.
    ///
    /// - Parameter forFitting: whether saliency is needed, too.
    /// - Throws: `Failure` if no picture can be used.
    mutating func features(forFitting: Bool) throws -> [Segmented] {
        var progress = Progress(pictures.count, of: "pictures", quiet: isQuiet)
        var results: [Segmented] = []
        let chunk = Parallelism.threadCount
        for start in stride(from: 0, to: pictures.count, by: chunk) {
            let decoded = Array(pictures[start..<min(start + chunk, pictures.count)])
            let inputs = inParallel(decoded.count) { index in
                let photo = try decoded[index].photo()
                let input = try naming(decoded[index].path) { () throws(ExtractionError) in
                    try taps.input(
                        of: photo, for: network.configuration, withSaliency: forFitting)
                }
                return (input, photo.display())
            }
            for (picture, input) in zip(decoded, inputs) {
                progress.note("features of \(picture.path)")
                do {
                    let (input, display) = try input.get()
                    let features = try naming(picture.path) { () throws(ExtractionError) in
                        try taps.features(of: input, using: network, withSaliency: forFitting)
                    }
                    results.append(
                        Segmented(picture: picture, features: features, display: display))
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

    /// Writes the results of the pictures, several in parallel.
    ///
    /// - Parameters:
    ///   - pictures: pictures with features.
    ///   - what: the unit of the progress, in the plural.
    ///   - body: writes the results of a picture and returns a line of the summary.
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

    /// Throws a `Failure` that names the pictures without a result, if there are any.
    func finish() throws { try pictures.check(failures) }
}

extension Picture {
    /// Decodes the picture.
    func photo() throws(PictureFailure) -> Image {
        do {
            return try Image(contentsOf: path)
        } catch {
            throw PictureFailure("\(error)")
        }
    }
}
