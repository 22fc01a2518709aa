import DINO
import Foundation
import Images
import Tensors
import Testing

@Suite struct BatchTests {
    /// Small crops without changes of level, so that a crop of a plain picture identifies it.
    static let bare: MultiCrop = {
        var options = MultiCrop()
        (options.globalSide, options.localSide, options.localCount) = (8, 4, 1)
        options.jitter.probability = 0
        options.grayscale = 0
        options.secondGlobal.solarization = 0
        return options
    }()

    /// Crops with all random augmentations.
    static let full: MultiCrop = {
        var options = MultiCrop()
        (options.globalSide, options.localSide, options.localCount) = (8, 4, 2)
        return options
    }()

    /// A folder of plain pictures with the gray levels 0, 1, 2, …
    static func plainPictures(_ count: Int) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for level in 0..<count { try folder.write(plain(UInt8(level)), to: "\(100 + level).png") }
        return folder
    }

    static func source(
        _ folder: TemporaryFolder, _ options: MultiCrop = bare, batchSize: Int, seed: UInt64 = 1,
        byteLimit: Int = 1 << 30
    ) throws -> BatchSource {
        BatchSource(
            PictureCache(try PictureFolder(folder.path), byteLimit: byteLimit),
            views: options, batchSize: batchSize, seed: seed)
    }

    static func cache(of source: BatchSource) throws -> PictureCache {
        try #require(source.pictures as? PictureCache)
    }

    /// The gray level of each picture of a batch.
    static func levels(of batch: MultiCropBatch) -> [Int] {
        (0..<batch.count).map {
            let level = batch.globals[0][$0, 0, 0, 0] * 0.229 + 0.485
            return Int((level * 255).rounded())
        }
    }

    @Test func epochContainsEachPictureOnce() throws {
        let folder = try Self.plainPictures(22)
        let source = try Self.source(folder, batchSize: 5)
        #expect(source.stepsPerEpoch == 4)
        var orders: [[Int]] = []
        for epoch in 0..<3 {
            let epoch = source.epoch(epoch)
            orders.append(try (0..<4).flatMap { Self.levels(of: try epoch.batch($0)) })
            #expect(Set(orders[orders.count - 1]).count == 20)
        }
        #expect(Set(orders).count == 3)
        #expect(Set(orders.joined()).count == 22)
        let other = try Self.source(folder, batchSize: 5, seed: 2)
        #expect(Self.levels(of: try other.epoch(0).batch(0)) != Array(orders[0][..<5]))
    }

    @Test func cropsDependOnlyOnSeedEpochAndPicture() throws {
        let folder = try Self.plainPictures(7)
        let plan = try Self.source(folder, batchSize: 3)
        let full = try Self.source(folder, Self.full, batchSize: 3)
        for epoch in 0..<2 {
            let pictures = Self.levels(of: try plan.epoch(epoch).batch(1))
            var expected = Self.full.emptyBatch(count: 3)
            for (place, picture) in pictures.enumerated() {
                var generator = Xoshiro256(seed: 1, stream: epoch, picture)
                Self.full.writeCrops(
                    of: plain(UInt8(picture)), to: &expected, at: place, using: &generator)
            }
            let found = try full.epoch(epoch).batch(1)
            #expect(found.globals == expected.globals && found.locals == expected.locals)
        }
    }

    @Test func smallFolderRepeatsWithDifferentCrops() throws {
        let folder = try Self.plainPictures(3)
        let source = try Self.source(folder, batchSize: 8)
        #expect(source.stepsPerEpoch == 1)
        let levels = Self.levels(of: try source.epoch(0).batch(0))
        #expect(Set(levels[..<3]).count == 3 && Set(levels[3..<6]).count == 3)

        // With structured pictures, all crops of the batch differ.
        let shaded = try TemporaryFolder()
        for number in 0..<3 {
            var image = Image(width: 40, height: 30)
            for row in 0..<30 {
                for column in 0..<40 {
                    image[column, row] = Colour(
                        red: UInt8(column * 6), green: UInt8(row * 8), blue: UInt8(number * 80))
                }
            }
            try shaded.write(image, to: "\(number).png")
        }
        let crops = try Self.source(shaded, batchSize: 8).epoch(0).batch(0).globals[0]
        #expect(Set((0..<8).map { crops.rows($0..<$0 + 1).elements }).count == 8)
    }

    /// Plain pictures, a single pixel, gray and CMYK JPEGs; and text, a truncated JPEG and an empty file.
    static func mixedFolder() throws -> TemporaryFolder {
        let folder = try plainPictures(6)
        try folder.write("not a picture".utf8, to: "000.jpg")
        try folder.write(jpegFiles["whole.jpg"]!.dropLast(200), to: "102a.jpg")
        try folder.write([], to: "103a.png")
        try folder.write(plain(77, width: 1, height: 1), to: "104a.png")
        try folder.write(jpegFiles["gray.jpg"]!, to: "gray.jpg")
        try folder.write(jpegFiles["cmyk.jpg"]!, to: "cmyk.jpeg")
        return folder
    }

    @Test func unreadablePicturesAreReplacedAndReported() throws {
        let folder = try Self.mixedFolder()
        let source = try Self.source(folder, batchSize: 4)
        #expect(source.stepsPerEpoch == 3)
        let epoch = source.epoch(0)
        for step in 0..<3 { _ = try epoch.batch(step) }
        let reasons = try Self.cache(of: source).unreadable.map { "\($0.reason)" }
        #expect(reasons.count == 3)
        for (reason, part) in zip(
            reasons, ["/000.jpg begins with", "/102a.jpg cannot be decoded", "/103a.png is empty"])
        {
            #expect(reason.contains(part), "\(reason)")
        }
    }

    /// They do not depend on the cache, on where loading begins or on the batches loaded before.
    @Test(arguments: [0, 2_000 * 16, 1 << 30])
    func batchesDependOnlyOnEpochAndStep(_ byteLimit: Int) throws {
        let folder = try Self.mixedFolder()
        let first = try Self.source(folder, Self.full, batchSize: 4)
        let all = try (0..<6).map { try first.epoch($0 / 3).batch($0 % 3) }
        for start in 0..<6 {
            let source = try Self.source(folder, Self.full, batchSize: 4, byteLimit: byteLimit)
            let loader = BatchLoader(source, epoch: start / 3, step: start % 3)
            for expected in all[start...] {
                let batch = try loader.next()
                #expect(batch.globals == expected.globals && batch.locals == expected.locals)
            }
        }
    }

    /// Every call fails, with a one-sentence error.
    @Test func failsIfNoPictureIsReadable() throws {
        let folder = try TemporaryFolder()
        for name in ["a.jpg", "b.png", "c.png"] { try folder.write("text".utf8, to: name) }
        let loader = BatchLoader(try Self.source(folder, batchSize: 2))
        for _ in 0..<2 {
            let error = #expect(throws: BatchError.self) { _ = try loader.next() }
            #expect(
                error.map { "\($0)" }
                    == "none of the 3 pictures in \(folder.path) can be read; the first: "
                    + "\(folder.path)/a.jpg begins with the bytes 74 65 78 74, "
                    + "which is neither PNG nor JPEG")
        }
    }

    /// A custom augmentation: the standard one after removing red.
    private struct WithoutRed: ViewMaker {
        let crops = BatchTests.full

        func emptyBatch(count: Int) -> MultiCropBatch { crops.emptyBatch(count: count) }

        func writeCrops(
            of image: Image, to batch: inout MultiCropBatch, at index: Int,
            using generator: inout some RandomNumberGenerator
        ) {
            var pixels = image.pixels
            for red in stride(from: 0, to: pixels.count, by: 3) { pixels[red] = 0 }
            crops.writeCrops(
                of: Image(width: image.width, height: image.height, pixels: pixels), to: &batch,
                at: index, using: &generator)
        }
    }

    @Test func acceptsImagesInMemoryAndCustomViews() throws {
        let folder = try Self.plainPictures(6)
        let pictures = try PictureFolder(folder.path)
        let images = try pictures.files.indices.map { try Image(contentsOf: pictures.path(of: $0)) }
        let expected = try Self.source(folder, Self.full, batchSize: 4).epoch(1).batch(0)
        func batch(_ pictures: [Image], _ views: any ViewMaker) throws -> MultiCropBatch {
            try BatchLoader(
                BatchSource(pictures, views: views, batchSize: 4, seed: 1), epoch: 1
            ).next()
        }
        let same = try batch(images, Self.full)
        #expect(same.globals == expected.globals && same.locals == expected.locals)
        let redless = images.map { image in
            var pixels = image.pixels
            for red in stride(from: 0, to: pixels.count, by: 3) { pixels[red] = 0 }
            return Image(width: image.width, height: image.height, pixels: pixels)
        }
        let custom = try batch(images, WithoutRed())
        #expect(custom.globals == (try batch(redless, Self.full)).globals)
        #expect(custom.globals != expected.globals)
    }

    /// Without a consumer, no more batches than the look-ahead are prepared.
    @Test func lookAheadIsBounded() throws {
        let folder = try Self.plainPictures(30)
        let source = try Self.source(folder, batchSize: 1)
        let loader = BatchLoader(source, lookAhead: 2)
        _ = try loader.next()
        Thread.sleep(forTimeInterval: 0.3)
        #expect(try Self.cache(of: source).byteCount <= 3 * 900)
        _ = try loader.next()
    }
}
