import DINO
import Descriptors
import Foundation
import Images
import Synchronization
import Tensors
import Testing
import ViT

/// Runs the code of Docs/Tutorials.
@Suite struct TutorialTests {
    @Test func darkenedPhotoFindsTheOriginal() throws {
        try withTemporaryFolder { folder in
            let photos = (0..<4).map { blots(seed: $0) }
            try write(photos, to: folder)
            let file = folder.appending(path: "index.json")
            try makeIndex(of: folder.path, at: file.path)
            for (number, photo) in photos.enumerated() {
                var darkened = photo
                darkened.adjustBrightness(by: 0.9)
                let found = try search(file.path, for: darkened)
                #expect(found.count == photos.count)
                #expect(found.first?.name == "\(number).png")
            }
            let itself = try #require(try search(file.path, for: photos[2]).first)
            // Photos in a batch differ by rounding from a single one.
            #expect(abs(itself.similarity - 1) < 1e-4)
        }
    }

    @Test func enlargedPhotoGetsTheLabelsOfTheExample() throws {
        let scale = 1.5
        let example = blots(seed: 9)
        let photo = example.resized(width: 96, height: 96, using: .bicubic)
        let grids = try descriptorGrids(of: [example, photo])
        let clicks = [
            Click(pixel: .init(x: 10, y: 12), label: 0),
            Click(pixel: .init(x: 50, y: 20), label: 1),
            Click(pixel: .init(x: 30, y: 50), label: 2),
        ]
        let map = label(grids[1], by: clicks, on: grids[0])
        #expect(map.width == photo.width && map.height == photo.height)
        for click in clicks {
            let centre = grids[0].pixel(of: grids[0].cell(at: click.pixel))
            #expect(counterpart(of: click.pixel, of: grids[0], in: grids[0]) == centre)
            let found = try #require(counterpart(of: click.pixel, of: grids[0], in: grids[1]))
            let (x, y) = (scale * click.pixel.x, scale * click.pixel.y)
            // Two to three cells, which are 1.7 pixels apart.
            #expect(hypot(found.x - x, found.y - y) < 5)
            #expect(Int(map.labels[Int(y) * map.width + Int(x)]) == click.label)
        }
        let expected = label(grids[0], by: clicks, on: grids[0])
            .resized(width: photo.width, height: photo.height)
        let equal = zip(map.labels, expected.labels).count { $0 == $1 }
        #expect(Double(equal) > 0.9 * Double(map.labels.count))

        try withTemporaryFolder { folder in
            try save(map, of: photo, in: folder.path)
            #expect(try LabelMap(contentsOf: folder.appending(path: "labels.png").path) == map)
            let overlay = try Image(contentsOf: folder.appending(path: "overlay.png").path)
            #expect(overlay.width == photo.width && overlay.height == photo.height)
        }
    }

    @Test func trainingOnTilesLogsEveryStepAndIsRepeatable() throws {
        let tiles = Tiles(scan: blots(seed: 5, width: 130, height: 100), side: 32)
        #expect(tiles.count == 12)
        #expect(tiles.picture(at: 5)[3, 4] == tiles.scan[32 + 3, 32 + 4])

        var configuration = TrainingConfiguration(preset: .quick)
        configuration.options.network = .init(width: 32, depth: 2, heads: 2)
            .sized(patchSize: 8, imageSize: 32)
        configuration.options.head.hiddenWidth = 64
        configuration.options.epochs = 2
        configuration.crops.globalSide = 32
        configuration.crops.localSide = 16
        configuration.batchSize = 4
        var (log, other) = ("", "")
        let network = try train(on: tiles, log: &log, configuration: configuration)
        let steps = log.split(separator: "\n").map { $0.split(separator: ",") }
        #expect(steps.allSatisfy { $0.count == 3 })
        #expect(steps.map { String($0[0]) } == ["0", "1", "2", "3", "4", "5"])
        let again = try train(on: tiles, log: &other, configuration: configuration)
        #expect(log == other)
        #expect(network.fingerprint == again.fingerprint)
    }

    @Test func turnedPicturesAreTurnedClockwise() {
        let photo = blots(seed: 3, width: 7, height: 5)
        let turned = photo.turned()
        #expect(turned.width == 5 && turned.height == 7)
        #expect(turned[4, 0] == photo[0, 0] && turned[4, 6] == photo[6, 0])
        #expect(turned.turned().turned().turned() == photo)
    }

    /// Every eighth value is 20 too great. Its pull on the fit is at most 1, against x / sqrt(1 + x²) of seven others: they
    /// balance at an error of 0.14; with the squared error, at one of 2.5.
    @Test func pseudoHuberFitResistsOutliers() {
        let points = (0..<64).map { Float($0) / 16 - 2 }
        let isOutlier = points.indices.map { $0 % 8 == 3 }
        let values = zip(points, isOutlier).map { abs($0) + ($1 ? 20 : 0) }
        let x = Tensor(points, shape: [64, 1])
        let model = fit(x, Tensor(values, shape: [64, 1]), steps: 400)
        #expect(
            model.parameters.map(\.name) == [
                "hidden.weight", "hidden.bias", "output.weight", "output.bias",
            ])
        let fitted = model(x).elements
        let errors = points.indices.filter { !isOutlier[$0] }.map { abs(fitted[$0] - values[$0]) }
        let meanError = errors.reduce(0, +) / Float(errors.count)
        #expect(meanError < 0.4)
    }

    /// With no more passes at once than allowed.
    @Test(arguments: [1, 2])
    func serverGivesEachPhotoItsDescriptors(limit: Int) async throws {
        let network = CountingNetwork(try VisionTransformer.bundled())
        let server = FeatureServer(network, limit: limit)
        let photos = Dictionary(
            uniqueKeysWithValues: (0..<6).map { ("\($0)", blots(seed: UInt64($0))) })
        let grids = try await server.descriptors(of: photos)
        #expect(1...limit ~= network.most)
        #expect(grids.count == photos.count)
        for (name, photo) in photos {
            #expect(try grids[name]?.values == descriptors(of: photo, by: network.network))
        }
    }

    @Test func cancelledRequestEndsAndTheNextIsAnswered() async throws {
        let network = try VisionTransformer.bundled()
        let server = FeatureServer(network, limit: 1)
        let photo = blots(seed: 1)
        let request = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await server.descriptors(of: photo)
        }
        request.cancel()
        await #expect(throws: ExtractionError.cancelled) { try await request.value }
        let grid = try await server.descriptors(of: photo)
        #expect(try grid.values == descriptors(of: photo, by: network))
    }

    @Test func studentLearnsMoreThanTheTeachersMean() throws {
        var configuration = TrainingConfiguration(preset: .distillation)
        configuration.options.network = .init(width: 48, depth: 2, heads: 3)
            .sized(patchSize: 8, imageSize: 48)
        configuration.crops.globalSide = 48
        configuration.options.epochs = 10
        try withTemporaryFolder { folder in
            let pictures = folder.appending(path: "pictures", directoryHint: .isDirectory)
            try FileManager.default.createDirectory(
                at: pictures, withIntermediateDirectories: true)
            try write((0..<24).map { blots(seed: $0) }, to: pictures)
            let run = folder.appending(path: "run", directoryHint: .isDirectory).path
            let student = try distil(
                VisionTransformer.bundled(), on: PictureFolder(pictures.path), in: run,
                configuration: configuration)
            #expect(student.configuration == configuration.options.network)
            let written = try VisionTransformer(contentsOf: "\(run)/teacher.safetensors")
            #expect(written.fingerprint == student.fingerprint)
            let losses = try patchLosses(in: run)
            #expect(losses.count == 30)
            // The loss of a student that predicts the mean is 1.
            let lastLosses = losses.suffix(3).reduce(0, +) / 3
            #expect(lastLosses < 0.95)
        }
    }
}

/// A network that counts how many passes run at once.
private final class CountingNetwork: Backbone {
    let network: any Backbone
    private let counts = Mutex((running: 0, most: 0))

    init(_ network: any Backbone) {
        self.network = network
    }

    var most: Int { counts.withLock { $0.most } }
    var configuration: VisionTransformer.Configuration { network.configuration }
    var fingerprint: String { network.fingerprint }

    func features(
        of images: Tensor, at taps: [FeatureTap], stride: PatchStride?
    ) -> Features {
        counts.withLock { counts in
            counts.running += 1
            counts.most = max(counts.most, counts.running)
        }
        defer { counts.withLock { $0.running -= 1 } }
        // Long enough for others to begin.
        Thread.sleep(forTimeInterval: 0.02)
        return network.features(of: images, at: taps, stride: stride)
    }
}

/// What the server extracts, without it.
private func descriptors(of photo: Image, by network: any Backbone) throws -> Tensor {
    try Extractor(network).descriptors(of: photo).values
}

/// Random blots of colour.
private func blots(seed: UInt64, width: Int = 64, height: Int = 64) -> Image {
    var generator = Xoshiro256(seed: seed)
    let pixels = (0..<75).map { _ in UInt8(generator.nextIndex(below: 256)) }
    return Image(width: 5, height: 5, pixels: pixels)
        .resized(width: width, height: height, using: .bicubic)
}

/// Writes pictures as `0.png`, `1.png` and so on.
private func write(_ pictures: [Image], to folder: URL) throws {
    for (number, picture) in pictures.enumerated() {
        try picture.writePNG(to: folder.appending(path: "\(number).png").path)
    }
}

/// Calls a function with a folder that exists during the call.
private func withTemporaryFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory
        .appending(path: UUID().uuidString, directoryHint: .isDirectory)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
}
