import Images
import Platform
import Tensors
import ViT

/// The batches of every epoch over a set of pictures. There is no state: each batch follows from the seed, the
/// epoch and the step alone.
public struct BatchSource: Sendable {
    /// The pictures.
    public let pictures: any PictureSource
    /// How their views are made.
    public let views: any ViewMaker
    /// The number of pictures in a batch.
    public let batchSize: Int
    /// The pictures of each batch that are made, by their index in it: a process's part.
    public let part: Range<Int>
    /// The seed of all random choices.
    public let seed: UInt64
    /// How patches of large crops are masked, and their grid.
    public let masking: (rule: PatchMasking, grid: PatchGrid)?
    /// Precomputed features of the pictures, which are cropped as they are.
    private let maps: (teacher: TeacherMaps, crops: MultiCrop, patchSize: Int)?

    /// Creates a source of batches.
    ///
    /// - Parameters:
    ///   - pictures: the pictures; at least one.
    ///   - views: how their views are made.
    ///   - batchSize: the number of pictures in a batch.
    ///   - seed: the seed of all random choices.
    ///   - masking: how patches of large crops are masked, and their grid.
    ///   - part: the pictures of each batch to make, by their index in it; all by default. Several processes each make
    ///     their part of the same batches.
    /// - Precondition: `batchSize` is at least 1, and the part is within it.
    public init(
        _ pictures: any PictureSource, views: any ViewMaker, batchSize: Int, seed: UInt64,
        masking: (rule: PatchMasking, grid: PatchGrid)? = nil, part: Range<Int>? = nil
    ) {
        self.init(
            pictures, views: views, maps: nil, batchSize: batchSize, seed: seed, masking: masking,
            part: part)
    }

    /// Creates a source of batches with precomputed features of the pictures.
    ///
    /// - Parameters:
    ///   - pictures: the pictures; at least one.
    ///   - crops: how their views are made.
    ///   - maps: the features, of the same pictures.
    ///   - patchSize: the side of the student's patches in pixels.
    ///   - batchSize: the number of pictures in a batch.
    ///   - seed: the seed of all random choices.
    ///   - masking: how patches of large crops are masked, and their grid.
    ///   - part: the pictures of each batch to make, by their index in it; all by default.
    /// - Precondition: `batchSize` and `patchSize` are at least 1, the part is within the batch, and the maps are of the cache's folder.
    public init(
        _ pictures: PictureCache, crops: MultiCrop, maps: TeacherMaps, patchSize: Int,
        batchSize: Int, seed: UInt64, masking: (rule: PatchMasking, grid: PatchGrid)? = nil,
        part: Range<Int>? = nil
    ) {
        require(
            maps.pictures == pictures.folder && patchSize > 0,
            "BatchSource: maps of other pictures, or patches of \(patchSize) pixels")
        self.init(
            pictures, views: crops, maps: (maps, crops, patchSize), batchSize: batchSize,
            seed: seed, masking: masking, part: part)
    }

    private init(
        _ pictures: any PictureSource, views: any ViewMaker,
        maps: (teacher: TeacherMaps, crops: MultiCrop, patchSize: Int)?, batchSize: Int,
        seed: UInt64, masking: (rule: PatchMasking, grid: PatchGrid)?, part: Range<Int>?
    ) {
        require(batchSize > 0, "BatchSource: batches of \(batchSize) pictures")
        self.part = part ?? 0..<batchSize
        require(
            !self.part.isEmpty && self.part.clamped(to: 0..<batchSize) == self.part,
            "BatchSource: pictures \(self.part) of batches of \(batchSize)")
        require(pictures.count > 0, "BatchSource: no pictures")
        self.pictures = pictures
        self.views = views
        self.batchSize = batchSize
        self.seed = seed
        self.masking = masking
        self.maps = maps
    }

    /// The number of batches in an epoch. Left-over pictures are dropped, as in main_dino.py (`drop_last`). If the
    /// folder holds fewer pictures than a batch, for which the reference would have no step at all, an epoch is one
    /// batch in which pictures occur several times, each time in other crops.
    public var stepsPerEpoch: Int { max(1, pictures.count / batchSize) }

    /// The pictures of an epoch, in a random order that depends on its number.
    ///
    /// - Complexity: O(pictures).
    public func epoch(_ number: Int) -> Epoch {
        let count = pictures.count
        // No picture has the number -1; see `generator(for:)`.
        var generator = Xoshiro256(seed: seed, stream: number, -1)
        var order: [Int] = []
        repeat {
            var pass = Array(0..<count)
            generator.shuffle(&pass)
            order += pass
        } while order.count < batchSize
        return Epoch(source: self, number: number, order: order)
    }

    /// One pass over the folder, divided into batches.
    public struct Epoch: Sendable {
        fileprivate let source: BatchSource
        /// The epoch's number, from 0.
        public let number: Int
        /// Complete permutations of the folder's pictures, one after the other: only one unless the folder is
        /// smaller than a batch.
        fileprivate let order: [Int]

        /// Reads the pictures of a batch and makes their crops, on the calling thread.
        ///
        /// An unreadable picture is replaced by the next readable one in the order, in different crops; the order
        /// of the others does not change.
        ///
        /// - Parameter step: the batch's index in the epoch.
        /// - Precondition: `step` is below ``BatchSource/stepsPerEpoch``.
        /// - Throws: ``BatchError`` if no picture can be read, or a picture's precomputed features cannot be used.
        public func batch(_ step: Int) throws(BatchError) -> MultiCropBatch {
            require(
                0 <= step && step < source.stepsPerEpoch,
                "batch: step \(step) of \(source.stepsPerEpoch)")
            var batch = source.views.emptyBatch(count: source.part.count)
            var maps = source.maps.map {
                MapBatch($0.teacher, $0.crops, $0.patchSize, source.part.count)
            }
            for index in 0..<source.part.count {
                let place = step * source.batchSize + source.part.lowerBound + index
                let (picture, image) = try readablePicture(from: place)
                var generator = generator(for: place)
                guard maps != nil else {
                    source.views.writeCrops(of: image, to: &batch, at: index, using: &generator)
                    continue
                }
                do throws(TeacherMapError) {
                    try maps?.writeCrops(
                        of: picture, image, to: &batch, at: index, using: &generator)
                } catch {
                    throw .map(error)
                }
            }
            if let maps { batch.features = maps.features }
            if let (rule, grid) = source.masking {
                // No picture has the number -2.
                var generator = Xoshiro256(seed: source.seed, stream: number, -2, step)
                batch.masks = rule.masks(
                    views: batch.globals.count, pictures: source.batchSize, grid: grid,
                    using: &generator
                ).map { PatchMask(patches: Array($0.patches[source.part])) }
            }
            return batch
        }

        /// The generator for a place in the order. It depends on the epoch, the picture at that place, and how
        /// often that picture has occurred before.
        private func generator(for place: Int) -> Xoshiro256 {
            let count = source.pictures.count
            return Xoshiro256(
                seed: source.seed, stream: number, order[place] + place / count * count)
        }

        private func readablePicture(
            from place: Int
        ) throws(BatchError) -> (index: Int, image: Image) {
            let count = source.pictures.count
            let pass = place / count * count
            for further in 0..<count {
                let picture = order[pass + (place + further) % count]
                if let image = try? source.pictures.picture(at: picture) { return (picture, image) }
            }
            var first = ""
            do { _ = try source.pictures.picture(at: 0) } catch { first = "\(error)" }
            throw .pictures(source: source.pictures.name, count: count, first: first)
        }
    }
}

/// Why no batch can be made; the `description` is one sentence.
public enum BatchError: Error, Hashable, Sendable, CustomStringConvertible {
    /// None of a source's `count` pictures can be read; `first` is the error of the first.
    case pictures(source: String, count: Int, first: String)
    /// A picture's precomputed features cannot be used.
    case map(TeacherMapError)

    /// The reason, as one sentence.
    public var description: String {
        switch self {
        case .pictures(let source, let count, let first):
            "none of the \(count) pictures in \(source) can be read; the first: \(first)"
        case .map(let error): error.description
        }
    }
}
