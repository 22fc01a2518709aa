import DINO
import Descriptors
import Foundation
import Images
import Platform
import Tensors
import Testing
import ViT

/// Many threads use the library at once, with one network and one folder of pictures. Run this under the thread
/// sanitizer too: `swift test --sanitize=thread --scratch-path .build-tsan --filter ConcurrentUse`.
@Suite struct ConcurrentUseTests {
    /// A task of a program that uses the library.
    private enum Job: CaseIterable {
        case extract, match, train

        /// The result, as bits.
        func result(_ index: Int, _ pictures: Pictures) throws -> [UInt64] {
            let photos = try [index, index + 1].map {
                try Image(contentsOf: pictures.paths[$0 % pictures.paths.count])
            }
            switch self {
            case .extract:
                let features = FeatureOptions(layer: 1, facet: .token, stride: PatchStride(6))
                let grid = try Extractor(pictures.model, features).descriptors(of: photos[0])
                return grid.values.elements.map { UInt64($0.bitPattern) }
            case .match:
                var options = Correspondences.Options(
                    features: FeatureOptions(layer: 1, stride: PatchStride(4), loadSize: 24))
                options.binning = .none
                options.restarts = 1
                options.pairs = 3
                let found = try correspondences(
                    between: photos[0], and: photos[1], using: pictures.model, options: options)
                return [UInt64(found.bestBuddies)]
                    + found.pairs.flatMap {
                        [$0.source.pixel.x.bitPattern, $0.target.pixel.y.bitPattern]
                            + [UInt64($0.similarity.bitPattern)]
                    }
            case .train:
                return try losses(seed: UInt64(index), pictures)
            }
        }

        /// The losses of two steps, and the student's parameters after them.
        private func losses(seed: UInt64, _ pictures: Pictures) throws -> [UInt64] {
            var multiCrop = MultiCrop()
            (multiCrop.globalSide, multiCrop.localSide, multiCrop.localCount) = (16, 8, 1)
            var head = DINOHead.Options(prototypes: 16)
            (head.hiddenWidth, head.bottleneckWidth) = (16, 8)
            var options = DINOOptions(network: pictures.model.configuration, head: head)
            options.epochs = 2
            options.warmupEpochs = 1
            options.seed = seed
            let source = BatchSource(
                pictures.cache, views: multiCrop, batchSize: 2, seed: seed)
            let loader = BatchLoader(source)
            var trainer = DINOTrainer(
                options, batchSize: 2, stepsPerEpoch: source.stepsPerEpoch)
            let losses = try (0..<2).map { _ in try trainer.step(loader.next()).loss.bitPattern }
            return losses
                + trainer.student.parameters.flatMap {
                    $0.tensor.elements.map { UInt64($0.bitPattern) }
                }
        }
    }

    /// The pictures and the network that all tasks share.
    private struct Pictures: Sendable {
        let folder: URL
        let paths: [String]
        let cache: PictureCache
        let model: VisionTransformer

        init() throws {
            folder = FileManager.default.temporaryDirectory
                .appending(path: UUID().uuidString, directoryHint: .isDirectory)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            var generator = SplitMix64(seed: 1)
            paths = (0..<6).map { [folder] in folder.appending(path: "\($0).png").path }
            for path in paths {
                let pixels = (0..<75).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
                try Image(width: 5, height: 5, pixels: pixels)
                    .resized(width: 32, height: 24, using: .bicubic).writePNG(to: path)
            }
            cache = PictureCache(try PictureFolder(folder.path))
            model = VisionTransformer(
                untrained: VisionTransformer.Configuration(width: 16, depth: 2, heads: 2)
                    .sized(patchSize: 8, imageSize: 32), using: &generator)
        }

        func remove() { try? FileManager.default.removeItem(at: folder) }
    }

    /// Forty tasks at once, against each one alone.
    @Test func concurrentTasksGiveIdenticalResults() throws {
        let pictures = try Pictures()
        defer { pictures.remove() }
        // Each kind of task with each of four pictures, several times.
        let tasks = (0..<40).map { (job: Job.allCases[$0 % Job.allCases.count], picture: $0 % 4) }
        let results = Lock([[UInt64]?](repeating: nil, count: tasks.count))
        let group = DispatchGroup()
        for (index, task) in tasks.enumerated() {
            group.enter()
            let thread = Thread {
                let result = try? task.job.result(task.picture, pictures)
                results.withLock { $0[index] = result }
                group.leave()
            }
            thread.stackSize = 1 << 23
            thread.start()
        }
        group.wait()
        let together = results.withLock { $0 }
        for job in Job.allCases {
            for picture in 0..<4 {
                let alone = try job.result(picture, pictures)
                #expect(alone.count > 3)
                for (index, task) in tasks.enumerated() where task == (job, picture) {
                    #expect(together[index] == alone, "task \(index), \(job) \(picture)")
                }
            }
        }
    }
}
