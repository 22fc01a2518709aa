import Foundation
import Images
import Platform
import Tensors
import ViT

/// A network's features of labelled pictures, for those that could be read.
public struct PictureFeatures: Sendable {
    /// The features, `[pictures read, width]`.
    public private(set) var features: Tensor
    /// The index of each row's picture.
    public private(set) var indices: [Int] = []
    /// The class of each row's picture.
    public private(set) var labels: [Int] = []
    /// The pictures that could not be read or resized.
    public private(set) var skipped: [SkippedPicture] = []

    /// Computes the features of all pictures, in the view used for testing.
    ///
    /// - Parameters:
    ///   - pictures: the pictures.
    ///   - network: the network.
    ///   - embedding: the features to extract.
    ///   - view: the view of each picture.
    ///   - communicator: the processes that divide the pictures among them; each gets all features.
    ///   - progress: called with the number of further pictures processed.
    /// - Throws: `EvaluationError` if no picture can be read or features are not finite; what `progress` throws.
    /// - Precondition: the view's crop is at least a patch.
    public init(
        of pictures: LabelledPictures, network: any Backbone,
        embedding: FrozenEmbedding = FrozenEmbedding(), view: CentreView,
        across communicator: any Communicator = Alone(),
        progress: (Int) throws -> Void = { _ in }
    ) throws {
        try self.init(
            of: pictures, Array(pictures.paths.indices), network: network, embedding: embedding,
            side: view.cropSize,
            view: { _, photo in try view.tensor(of: photo, for: network.configuration) },
            across: communicator, progress: progress)
        if indices.isEmpty, let first = skipped.first {
            throw EvaluationError.nothingReadable(
                folder: pictures.folder, count: skipped.count, reason: first.reason)
        }
    }

    /// Computes the features of some pictures. A row does not depend on the others.
    ///
    /// - Parameters:
    ///   - side: the side of the network's input in pixels.
    ///   - view: returns the network's input, `[3, side, side]`, for a picture and its index; called in parallel.
    ///   - communicator: the processes that divide the pictures among them.
    /// - Complexity: memory for the features and a few thousand tokens.
    init(
        of pictures: LabelledPictures, _ selection: [Int], network: any Backbone,
        embedding: FrozenEmbedding, side: Int, view: (Int, Image) throws -> Tensor,
        across communicator: any Communicator, progress: (Int) throws -> Void
    ) throws {
        let (rank, count) = (communicator.rank, communicator.count)
        let own = stride(from: rank, to: selection.count, by: count).map { selection[$0] }
        var (done, seen) = (0, 0)
        let part = try communicator.together {
            try PictureFeatures(
                ofOwn: pictures, own, network: network, embedding: embedding, side: side,
                view: view
            ) {
                // The others are about as far.
                done += $0
                let all = done == own.count ? selection.count : done * count
                try progress(all - seen)
                seen = all
            }
        }
        self = count == 1 ? part : try part.joined(selection, of: pictures, across: communicator)
    }

    /// The features of all processes, in the order of the pictures.
    private func joined(
        _ selection: [Int], of pictures: LabelledPictures, across communicator: any Communicator
    ) throws -> PictureFeatures {
        let indices = communicator.gather(self.indices).flatMap(\.self)
        let width = features.shape[1]
        let rows = communicator.gather(features.elements).flatMap(\.self)
        let skipped = try communicator.gather(Array(JSONEncoder().encode(self.skipped))).flatMap {
            (bytes: [UInt8]) in
            try JSONDecoder().decode([SkippedPicture].self, from: Data(bytes))
        }
        let row = Dictionary(zip(indices, indices.indices), uniquingKeysWith: { $1 })
        let skip = Dictionary(skipped.map { (FileName($0.path), $0) }, uniquingKeysWith: { $1 })
        let read = selection.filter { row[$0] != nil }
        var result = self
        result.features = Tensor(rows, shape: [indices.count, width])
            .samples(read.compactMap { row[$0] })
        result.indices = read
        result.labels = read.map { pictures.labels[$0] }
        result.skipped = selection.compactMap { skip[FileName(pictures.paths[$0])] }
        return result
    }

    private init(
        ofOwn pictures: LabelledPictures, _ selection: [Int], network: any Backbone,
        embedding: FrozenEmbedding, side: Int, view: (Int, Image) throws -> Tensor,
        progress: (Int) throws -> Void
    ) throws {
        let width = embedding.width(of: network)
        let grid = PatchGrid(side: side, patchSize: network.configuration.patchSize)
        let most = TokenLayout(grid: grid).imagesPerBatch
        features = Tensor(uninitialized: [selection.count, width])
        for start in stride(from: 0, to: selection.count, by: most) {
            let batch = Array(selection[start..<min(start + most, selection.count)])
            var inputs: [Tensor] = []
            for (index, input) in zip(batch, read(batch, of: pictures, view)) {
                switch input {
                case .success(let input):
                    inputs.append(input)
                    indices.append(index)
                case .failure(let picture):
                    skipped.append(picture)
                }
            }
            if !inputs.isEmpty {
                let rows = embedding(
                    network,
                    .concatenated(inputs.map { $0.reshaped(to: [1, 3, side, side]) }))
                let first = indices.count - inputs.count
                if let place = rows.firstNonFinite {
                    throw EvaluationError.notFinite(
                        picture: pictures.paths[indices[first + place / width]])
                }
                withUnsafePointers(writing: &features, reading: rows) {
                    ($0 + first * width).update(from: $1, count: rows.count)
                }
            }
            try progress(batch.count)
        }
        features = features.rows(0..<indices.count)
        labels = indices.map { pictures.labels[$0] }
    }
}

/// A picture that an evaluation skipped.
public struct SkippedPicture: Error, Hashable, Sendable, Codable {
    /// The picture's path.
    public var path: String
    /// The reason, as a sentence that names the file.
    public var reason: String

    /// Creates a record of a skipped picture.
    public init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }
}

/// Decodes pictures and converts them to the network's input, in parallel.
private func read(
    _ batch: [Int], of pictures: LabelledPictures, _ view: (Int, Image) throws -> Tensor
) -> [Result<Tensor, SkippedPicture>] {
    Parallelism.map(count: batch.count) { place in
        let path = pictures.paths[batch[place]]
        return Result { () throws(SkippedPicture) in
            do {
                return try view(batch[place], Image(contentsOf: path))
            } catch let error as ImageError {
                throw SkippedPicture(path: path, reason: "\(error)")
            } catch {
                throw SkippedPicture(path: path, reason: "\(path): \(error)")
            }
        }
    }
}
