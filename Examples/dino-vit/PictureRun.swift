import Descriptors
import Foundation
import Images
import Tensors
import ViT

/// Puts one picture after the other through a network; the next ones are decoded in parallel.
///
/// A broken picture does not stop the others: it is named at the end, by the error thrown.
struct PictureRun {
    let pictures: [Picture]
    let output: OutputFolder
    let network: NetworkOptions
    let options: RunOptions

    init(_ arguments: [String], network: NetworkOptions, options: RunOptions) throws {
        options.apply()
        pictures = try Picture.all(arguments)
        self.network = network
        self.options = options
        output = try OutputFolder(
            network.place.output, keeping: pictures.map(\.path) + [network.file.weights])
    }

    /// - Parameters:
    ///   - displaySize: see `Photo`.
    ///   - body: writes the results of a picture and gives a line of the summary.
    func perform(
        displaySize: ((Int, Int) -> (width: Int, height: Int))? = nil,
        _ body: (Picture, Photo) throws -> String
    ) throws {
        var progress = Progress(pictures.count, of: "pictures", quiet: options.quiet)
        var failures: [String] = []
        let chunk = Parallelism.threadCount
        for start in stride(from: 0, to: pictures.count, by: chunk) {
            let decoded = Array(pictures[start..<min(start + chunk, pictures.count)])
            let photos = inParallel(decoded.count) { index in
                try Photo(
                    contentsOf: decoded[index].path, preprocessing: network.preprocessing,
                    displaySize: displaySize)
            }
            for (picture, photo) in zip(decoded, photos) {
                do {
                    let line = try body(picture, photo.get())
                    progress.finish()
                    if !options.quiet { print(line) }
                } catch let failure as PictureFailure {
                    failures.append(failure.description)
                }
                progress.advance()
            }
        }
        progress.finish()
        guard !failures.isEmpty else { return }
        let sentences = failures.joined(separator: "; ")
        throw Failure(
            pictures.count == 1
                ? sentences
                : "\(failures.count) of \(pictures.count) pictures gave no result: \(sentences)")
    }
}

/// Runs tasks that give something or fail, in parallel; the results are in order.
func inParallel<Value>(
    _ count: Int, _ task: (Int) throws -> Value
) -> [Result<Value, any Error>] {
    [Result<Value, any Error>](unsafeUninitializedCapacity: count) { buffer, initialized in
        guard let base = buffer.baseAddress else { return }
        // Each task writes its own element.
        Parallelism.perform(count: count) { index in
            (base + index).initialize(to: Result { try task(index) })
        }
        initialized = count
    }
}
