import Descriptors
import Foundation
import Images
import Platform
import Tensors
import ViT

/// Processes pictures in order; the next ones are decoded in parallel.
///
/// A broken picture does not stop the others; the error thrown at the end names it.
struct PictureRun {
    private let sets: PictureSets
    private let network: NetworkOptions
    private let options: RunOptions

    /// - Parameter arguments: see `PictureSets`.
    init(_ arguments: [String], network: NetworkOptions, options: RunOptions) throws {
        options.apply()
        self.network = network
        self.options = options
        sets = try PictureSets(
            arguments, output: network.place.output, keeping: network.file.inputs,
            quiet: options.quiet)
    }

    /// Processes all pictures of all sets.
    ///
    /// - Parameters:
    ///   - extractor: the network that photos are resized for.
    ///   - displaySize: see `Photo`.
    ///   - body: writes the results of a picture into a folder and returns a line of the summary.
    func perform(
        for extractor: Extractor,
        displaySize: ((Int, Int) -> (width: Int, height: Int))? = nil,
        _ body: (Picture, Photo, OutputFolder) throws -> String
    ) throws {
        try sets.perform { pictures, output in
            let failures = try pictures.decoded(
                for: extractor, displaySize: displaySize, quiet: options.quiet
            ) { picture, photo in
                try body(picture, photo, output)
            }
            try pictures.check(failures)
        }
    }
}

extension [Picture] {
    /// Decodes pictures in parallel and processes them in order.
    ///
    /// - Parameters:
    ///   - extractor: the network that photos are resized for.
    ///   - displaySize: see `Photo`.
    ///   - quiet: whether to show neither progress nor summary.
    ///   - body: processes a picture and returns a line of the summary, or nil.
    /// - Returns: one sentence for each picture that failed.
    func decoded(
        for extractor: Extractor, displaySize: ((Int, Int) -> (width: Int, height: Int))?,
        quiet: Bool, _ body: (Picture, Photo) throws -> String?
    ) throws -> [String] {
        var progress = Progress(count, of: "pictures", quiet: quiet)
        var failures: [String] = []
        let chunk = Parallelism.threadCount
        for start in stride(from: 0, to: count, by: chunk) {
            let next = Array(self[start..<Swift.min(start + chunk, count)])
            let photos = inParallel(next.count) { index in
                try Photo(
                    contentsOf: next[index].path, preprocessing: extractor.preprocessing,
                    for: extractor.model.configuration, displaySize: displaySize)
            }
            for (picture, photo) in zip(next, photos) {
                do {
                    let line = try body(picture, photo.get())
                    progress.finish()
                    if let line, !quiet { Terminal.say(line) }
                } catch let failure as PictureFailure {
                    failures.append(failure.description)
                }
                progress.advance()
            }
        }
        progress.finish()
        return failures
    }

    /// Throws a `Failure` that lists the failures, if there are any.
    ///
    /// - Parameter failures: one sentence for each picture that failed.
    func check(_ failures: [String]) throws {
        guard !failures.isEmpty else { return }
        let sentences = shortened(failures, separator: "; ")
        throw Failure(
            count == 1
                ? sentences : "\(failures.count) of \(count) pictures gave no result: \(sentences)")
    }
}

/// Runs tasks that may fail in parallel; the results are in order.
func inParallel<Value>(
    _ count: Int, _ task: (Int) throws -> Value
) -> [Result<Value, any Error>] {
    Parallelism.map(count: count) { index in Result { try task(index) } }
}
