import Images
import Platform
import Tensors
import ViT

/// The batches of every epoch over a folder of pictures. Nothing is remembered from one to the next:
/// each follows from the seed, the epoch and the step alone, whoever asks for it when.
public struct BatchSource: Sendable {
    public let cache: PictureCache
    public let multiCrop: MultiCrop
    /// The number of pictures in a batch.
    public let batchSize: Int
    public let seed: UInt64
    /// Where each view's features come from, and the side of the patches that are to give them.
    public let maps: (teacher: TeacherMaps, patchSize: Int)?
    /// How patches of large crops are masked, and their grid.
    public let masking: (rule: PatchMasking, grid: PatchGrid)?

    /// - Parameters:
    ///   - maps: features of the same pictures, and the side of the student's patches.
    ///   - masking: how patches of large crops are masked, and their grid.
    /// - Precondition: `batchSize` is at least 1; the maps are of the cache's folder.
    public init(
        _ cache: PictureCache, multiCrop: MultiCrop, batchSize: Int, seed: UInt64,
        maps: (teacher: TeacherMaps, patchSize: Int)? = nil,
        masking: (rule: PatchMasking, grid: PatchGrid)? = nil
    ) {
        self.masking = masking
        require(batchSize > 0, "BatchSource: batches of \(batchSize) pictures")
        require(
            maps.map { $0.teacher.pictures == cache.folder && $0.patchSize > 0 } ?? true,
            "BatchSource: maps of other pictures")
        self.maps = maps
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
            let maps = source.maps.map {
                MapBatch($0.teacher, source.multiCrop, $0.patchSize, source.batchSize)
            }
            for index in 0..<source.batchSize {
                let place = step * source.batchSize + index
                let (picture, image) = try readablePicture(from: place)
                var generator = generator(for: place)
                let views = source.multiCrop.views(of: image, using: &generator)
                source.multiCrop.writeCrops(views, of: image, to: &batch, at: index)
                do throws(TeacherMapError) {
                    try maps?.write(picture, image, views, at: index)
                } catch {
                    throw .map(error)
                }
            }
            batch.features = maps?.features ?? []
            if let (rule, grid) = source.masking {
                // -2 is no picture's number either.
                var generator = Xoshiro256(seed: source.seed, stream: number, -2, step)
                batch.masks = rule.masks(
                    views: batch.globals.count, pictures: source.batchSize, grid: grid,
                    using: &generator)
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

        private func readablePicture(
            from place: Int
        ) throws(BatchError) -> (index: Int, image: Image) {
            let count = source.cache.folder.count
            let pass = place / count * count
            for further in 0..<count {
                let picture = order[pass + (place + further) % count]
                if let image = try? source.cache.picture(at: picture) { return (picture, image) }
            }
            let reasons = source.cache.unreadable
            throw .pictures(
                folder: source.cache.folder.path, count: count,
                first: reasons.first.map { "\($0.reason)" } ?? "")
        }
    }
}

/// Why no batch can be made; the `description` is one sentence.
public enum BatchError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Not one of a folder's pictures, so many, can be read; `first` says what was wrong with the first.
    case pictures(folder: String, count: Int, first: String)
    case map(TeacherMapError)

    public var description: String {
        switch self {
        case .pictures(let folder, let count, let first):
            "none of the \(count) pictures in \(folder) can be read; the first: \(first)"
        case .map(let error): error.description
        }
    }
}
