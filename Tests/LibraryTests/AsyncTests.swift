import Descriptors
import Foundation
import Images
import Platform
import Tensors
import Testing
import ViT

/// The asynchronous forms, cancellation, progress and batches of the extractor.
@Suite struct AsyncTests {
    private static let network: VisionTransformer = {
        var generator = SplitMix64(seed: 5)
        return VisionTransformer(
            untrained: VisionTransformer.Configuration(width: 16, depth: 3, heads: 2)
                .sized(patchSize: 8, imageSize: 32), using: &generator)
    }()

    private static func photo(_ seed: UInt64, width: Int = 40, height: Int = 32) throws -> Image {
        var generator = SplitMix64(seed: seed)
        let blots = (0..<75).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        return Image(width: 5, height: 5, pixels: blots)
            .resized(width: width, height: height, using: .bicubic)
    }

    private static func extractor(
        layer: Int = 1, facet: Facet = .key, loadSize: Int? = 32
    ) -> Extractor {
        Extractor(
            network,
            FeatureOptions(layer: layer, facet: facet, stride: PatchStride(6), loadSize: loadSize))
    }

    @Test func asynchronousFormsGiveTheBitsOfTheSynchronousOnes() async throws {
        let (extractor, photo) = (Self.extractor(), try Self.photo(1))
        func bits(_ tensor: Tensor) -> [UInt32] { tensor.elements.map(\.bitPattern) }
        // Within a synchronous closure the synchronous form is called.
        let grid = try { try extractor.descriptors(of: photo) }()
        let saliency = try { try extractor.saliency(of: photo) }()
        let embedding = try { try extractor.embedding(of: photo) }()
        #expect(try await bits(extractor.descriptors(of: photo).values) == bits(grid.values))
        #expect(try await bits(extractor.saliency(of: photo).values) == bits(saliency.values))
        #expect(try await bits(extractor.embedding(of: photo)) == bits(embedding))
    }

    @TaskLocal private static var label = ""

    @Test func backgroundWorkStaysInItsTask() async throws {
        struct Refusal: Error {}
        let label = await Self.$label.withValue("this task") {
            await Parallelism.background { Self.label }
        }
        #expect(label == "this task")
        await #expect(throws: Refusal.self) {
            try await Parallelism.background { () throws(Refusal) in throw Refusal() }
        }
    }

    /// More work than there are processors, all of it on threads that run no tasks.
    @Test func backgroundWorkHasThreadsOfItsOwn() async {
        @Sendable func thread() -> String { String(describing: pthread_self()) }
        let threads = await withTaskGroup(of: [String].self) { group in
            for _ in 0..<4 * Parallelism.processorCount {
                group.addTask { [thread(), await Parallelism.background { thread() }] }
            }
            return await group.reduce(into: [[String]]()) { $0.append($1) }
        }
        let (ofTasks, ofWork) = (Set(threads.map { $0[0] }), Set(threads.map { $0[1] }))
        #expect(ofTasks.isDisjoint(with: ofWork))
        #expect(1...Parallelism.processorCount ~= ofWork.count)
    }

    @Test func cancellationEndsThePassBeforeTheNextBlock() async throws {
        let photo = try Self.photo(2)
        let fractions = Lock<[Double]>([])
        let task = Task {
            var extractor = Self.extractor(layer: 2)
            extractor.progress = { fraction in
                fractions.withLock { $0.append(fraction) }
                if fraction > 0 { withUnsafeCurrentTask { $0?.cancel() } }
            }
            return try await extractor.descriptors(of: photo)
        }
        await #expect(throws: ExtractionError.cancelled) { try await task.value }
        let third = 1.0 / 3
        #expect(fractions.withLock(\.self) == [0, third])
    }

    @Test func cancelledTasksCannotRunSynchronousFormsEither() async throws {
        let photo = try Self.photo(3)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try { try Self.extractor().embedding(of: photo) }()
        }
        await #expect(throws: ExtractionError.cancelled) { try await task.value }
    }

    @Test func progressCountsTheBlocksOfThePass() throws {
        let fractions = Lock<[Double]>([])
        var extractor = Self.extractor()
        extractor.progress = { fraction in fractions.withLock { $0.append(fraction) } }
        _ = try extractor.descriptors(of: Self.photo(4))
        #expect(fractions.withLock(\.self) == [0, 0.5])
    }

    /// Photos of three sizes, in turn.
    @Test func severalPhotosGiveTheBitsOfEachAlone() throws {
        let photos = try (0..<7).map {
            try Self.photo(UInt64($0), width: [40, 32, 56][$0 % 3], height: [32, 64, 40][$0 % 3])
        }
        for facet in [Facet.key, .token, .classAttention] {
            let extractor = Self.extractor(facet: facet)
            let together = try extractor.descriptors(of: photos)
            #expect(together.count == photos.count)
            for (photo, grid) in zip(photos, together) {
                let alone = try extractor.descriptors(of: photo)
                #expect(grid.values == alone.values)
                #expect(grid.classToken == alone.classToken)
                #expect(grid.geometry == alone.geometry)
            }
        }
        #expect(try Self.extractor().descriptors(of: []).isEmpty)
    }

    @Test func aPhotoThatCannotBeUsedIsReportedBeforeAnyPass() throws {
        var extractor = Self.extractor(loadSize: nil)
        extractor.progress = { _ in Issue.record("a pass began") }
        #expect(throws: ExtractionError.imageTooSmall(width: 5, height: 9, patchSize: 8)) {
            try extractor.descriptors(
                of: [Self.photo(1), Self.photo(2, width: 5, height: 9)])
        }
    }

    /// A network of one's own needs no more than one function.
    @Test func backbonesReportTheStartOfAPassByDefault() throws {
        struct Wrapped: Backbone {
            var configuration: VisionTransformer.Configuration { AsyncTests.network.configuration }
            var fingerprint: String { "wrapped" }
            func features(
                of images: Tensor, at taps: [FeatureTap], stride: PatchStride?
            ) -> Features {
                AsyncTests.network.features(of: images, at: taps, stride: stride)
            }
        }
        let fractions = Lock<[Double]>([])
        var extractor = Self.extractor()
        let expected = try extractor.descriptors(of: Self.photo(5)).values
        extractor.model = Wrapped()
        extractor.progress = { fraction in fractions.withLock { $0.append(fraction) } }
        #expect(try extractor.descriptors(of: Self.photo(5)).values == expected)
        #expect(fractions.withLock(\.self) == [0])
    }

    @Test(arguments: Facet.allCases)
    func facetsWithoutDescriptorsAreRejected(_ facet: Facet) throws {
        let extractor = Self.extractor(facet: facet)
        let photo = try Self.photo(6)
        let isUsable = ![Facet.embedding, .registerAttention].contains(facet)
        #expect((FeatureOptions(facet: facet).fault == nil) == isUsable)
        if isUsable {
            #expect(try extractor.imageFeatures(of: photo).descriptors.values.isFinite)
        } else {
            #expect(throws: ExtractionError.noDescriptors(facet)) {
                try extractor.descriptors(of: photo)
            }
            #expect(throws: ExtractionError.noDescriptors(facet)) {
                try extractor.descriptors(of: [photo])
            }
            #expect(throws: ExtractionError.noDescriptors(facet)) {
                try extractor.imageFeatures(of: photo)
            }
        }
    }
}
