import Images
import Platform
import Tensors

/// The batches of every epoch over a folder of pictures. Nothing is remembered from one to the next:
/// each follows from the seed, the epoch and the step alone, whoever asks for it when.
public struct BatchSource: Sendable {
    public let cache: PictureCache
    public let multiCrop: MultiCrop
    /// The number of pictures in a batch.
    public let batchSize: Int
    public let seed: UInt64

    /// - Precondition: `batchSize` is at least 1.
    public init(_ cache: PictureCache, multiCrop: MultiCrop, batchSize: Int, seed: UInt64) {
        require(batchSize > 0, "BatchSource: batches of \(batchSize) pictures")
        self.cache = cache
        self.multiCrop = multiCrop
        self.batchSize = batchSize
        self.seed = seed
    }

    /// The number of batches in an epoch: what is left over is dropped, as in main_dino.py
    /// (`drop_last`). Where the folder holds fewer pictures than one batch, where the reference
    /// would have no step at all, an epoch is one batch in which pictures come several times, each
    /// time in other crops.
    public var stepsPerEpoch: Int { max(1, cache.folder.count / batchSize) }

    /// The pictures of an epoch in their order, a random one for each.
    ///
    /// - Complexity: O(pictures).
    public func epoch(_ number: Int) -> Epoch {
        let count = cache.folder.count
        // -1 is no picture's number: see `generator(for:)`.
        var generator = Xoshiro256(seed: seed, stream: number, -1)
        var order: [Int] = []
        repeat {
            var pass = Array(0..<count)
            generator.shuffle(&pass)
            order += pass
        } while order.count < batchSize
        return Epoch(source: self, number: number, order: order)
    }

    /// One pass over the folder, cut into batches.
    public struct Epoch: Sendable {
        fileprivate let source: BatchSource
        public let number: Int
        /// Whole permutations of the folder's pictures, one after the other: a single one but where
        /// the folder is smaller than a batch.
        fileprivate let order: [Int]

        /// Reads the pictures of a batch and makes their crops, on this thread.
        ///
        /// A picture that cannot be read is replaced by the one that is next in the order, wherever
        /// that one comes itself, in crops of its own; so no picture's place depends on what
        /// became of others before it.
        ///
        /// - Precondition: `step` is below ``BatchSource/stepsPerEpoch``.
        /// - Throws: ``BatchError`` where not one picture can be read.
        public func batch(_ step: Int) throws(BatchError) -> MultiCropBatch {
            require(
                0 <= step && step < source.stepsPerEpoch,
                "batch: step \(step) of \(source.stepsPerEpoch)")
            var batch = source.multiCrop.emptyBatch(count: source.batchSize)
            for index in 0..<source.batchSize {
                let place = step * source.batchSize + index
                let image = try readablePicture(from: place)
                var generator = generator(for: place)
                source.multiCrop.writeCrops(of: image, to: &batch, at: index, using: &generator)
            }
            return batch
        }

        /// What a place draws from depends on the epoch, the picture whose place it is, and how often
        /// that one has come before.
        private func generator(for place: Int) -> Xoshiro256 {
            let count = source.cache.folder.count
            return Xoshiro256(
                seed: source.seed, stream: number, order[place] + place / count * count)
        }

        private func readablePicture(from place: Int) throws(BatchError) -> Image {
            let count = source.cache.folder.count
            let pass = place / count * count
            for further in 0..<count {
                let picture = order[pass + (place + further) % count]
                if let image = try? source.cache.picture(at: picture) { return image }
            }
            let reasons = source.cache.unreadable
            throw BatchError(
                folder: source.cache.folder.path, count: count,
                first: reasons.first.map { "\($0.reason)" } ?? "")
        }
    }
}

/// Not one picture of a folder can be read; the `description` is one sentence.
public struct BatchError: Error, Hashable, Sendable, CustomStringConvertible {
    public let folder: String
    /// The number of pictures that were tried.
    public let count: Int
    /// What was wrong with the first of them.
    public let first: String

    public var description: String {
        "none of the \(count) pictures in \(folder) can be read; the first: \(first)"
    }
}
