import Descriptors
import Foundation
import Images
import Platform
import Tensors
import ViT

/// Processes pictures in order; the next ones are decoded in parallel. Several processes take turns.
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
        let ranks = Processes.all
        var progress = Progress(count, of: "pictures", quiet: quiet)
        var failures: [String] = []
        let chunk = Parallelism.threadCount
        // Several processes meet rarely, since pictures differ in size.
        let round = ranks.count > 1 ? 8 * chunk * ranks.count : chunk
        for start in stride(from: 0, to: count, by: round) {
            let places = start..<Swift.min(start + round, count)
            let own = places.filter { $0 % ranks.count == ranks.rank }
            var results: [PictureResult] = []
            try ranks.together {
                for first in stride(from: 0, to: own.count, by: chunk) {
                    let next = own[first..<Swift.min(first + chunk, own.count)]
                    results += try self.results([Int](next), for: extractor, displaySize, body)
                }
            }
            for result in try PictureResult.gathered(results, across: ranks) {
                progress.finish()
                if let line = result.line, !quiet { Terminal.say(line) }
                if let failure = result.failure { failures.append(failure) }
            }
            progress.advance(by: places.count)
        }
        progress.finish()
        return failures
    }

    /// Decodes some pictures in parallel and processes them in order.
    private func results(
        _ places: [Int], for extractor: Extractor,
        _ displaySize: ((Int, Int) -> (width: Int, height: Int))?,
        _ body: (Picture, Photo) throws -> String?
    ) throws -> [PictureResult] {
        let photos = inParallel(places.count) { index in
            try Photo(
                contentsOf: self[places[index]].path, preprocessing: extractor.preprocessing,
                for: extractor.model.configuration, displaySize: displaySize)
        }
        return try zip(places, photos).map { place, photo in
            do {
                return PictureResult(place: place, line: try body(self[place], photo.get()))
            } catch let failure as PictureFailure {
                return PictureResult(place: place, failure: failure.description)
            }
        }
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

/// The summary of a picture, or why it has no result.
private struct PictureResult: Codable {
    var place: Int
    var line: String?
    var failure: String?

    /// The results of all processes, in the pictures' order.
    static func gathered(
        _ own: [PictureResult], across ranks: any Communicator
    ) throws -> [PictureResult] {
        guard ranks.count > 1 else { return own }
        return try ranks.gather(Array(JSONEncoder().encode(own))).flatMap { (bytes: [UInt8]) in
            try JSONDecoder().decode([PictureResult].self, from: Data(bytes))
        }.sorted { $0.place < $1.place }
    }
}

/// Runs tasks that may fail in parallel; the results are in order.
func inParallel<Value>(
    _ count: Int, _ task: (Int) throws -> Value
) -> [Result<Value, any Error>] {
    Parallelism.map(count: count) { index in Result { try task(index) } }
}
