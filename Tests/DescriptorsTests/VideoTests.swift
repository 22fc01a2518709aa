import Descriptors
import Images
import Tensors
import Testing
import ViT

/// Against the official script and the DAVIS benchmark; see `Fixtures/make_video_fixtures.py`.
@Suite struct VideoTests {
    private struct Fixture: Decodable {
        var propagation: [Propagation]
        var labels: [Labels]
        var small: Small
        var scores: [Score]
        var sizes: [[Int]]

        struct Propagation: Decodable {
            var previous: Int
            var reach: Int
            var neighbours: Int
            var features: [[Float]]
            var labels: [UInt8]
            var masks: [[Float]]
        }
        struct Labels: Decodable {
            var masks: [Float]
            var labels: [UInt8]
            var resized: [UInt8]
        }
        struct Small: Decodable {
            var blocks: [UInt8]
            var shape: [Int]
            var labels: [UInt8]
        }
        struct Score: Decodable {
            var height: Int
            var width: Int
            /// The start and end of each run of pixels, in turn.
            var found: [Int]
            var truth: [Int]
            var j: Double
            var f: Double
        }
    }

    /// Adjacent patches that fill the network's image.
    private func cells(_ rows: Int, _ columns: Int, of size: Int) -> DescriptorGrid.Geometry {
        DescriptorGrid.Geometry(
            width: columns * size, height: rows * size, patchSize: size, stride: PatchStride(size))
    }

    /// Weights are exponentials of ten times a similarity, whose last bits (2^-24) differ.
    @Test(arguments: [1, 2]) func propagatedMasksMatchReference(threads: Int) throws {
        let before = Parallelism.threadCount
        defer { Parallelism.threadCount = before }
        Parallelism.threadCount = threads
        for expected in try (fixture("video.json") as Fixture).propagation {
            var options = MaskPropagation.Options()
            options.previousFrames = expected.previous
            options.reach = expected.reach
            options.neighbours = expected.neighbours
            let features = expected.features.map { Tensor($0, shape: [7, 11, 5]) }
            let labels = LabelMap(width: 11, height: 7, labels: expected.labels)
            var propagation = MaskPropagation(
                features: features[0], masks: labels.masks(of: [0, 1, 2], on: cells(7, 11, of: 1)),
                options: options)
            for (features, masks) in zip(features.dropFirst(), expected.masks) {
                let found = propagation.advance(to: features)
                #expect(found.shape == [7, 11, 3])
                #expect(greatestDifference(found.elements, masks) < 2e-5)
            }
        }
    }

    @Test func defaultsMatchReference() {
        let options = VideoSegmenter.Options()
        #expect(options.shorterSide == 480 && options.propagation.previousFrames == 7)
        #expect(options.propagation.reach == 12 && options.propagation.neighbours == 5)
        #expect(options.propagation.temperature == 0.1)
    }

    @Test func labelsMatchReference() throws {
        let fixture: Fixture = try fixture("video.json")
        for expected in fixture.labels {
            let map = LabelMap(
                masks: Tensor(expected.masks, shape: [5, 6, 4]), classes: [0, 1, 2, 3],
                geometry: cells(5, 6, of: 4))
            #expect(map.width == 24 && map.height == 20 && map.labels == expected.labels)
            #expect(map.nearest(width: 31, height: 17).labels == expected.resized)
        }
        let labels = (0..<150 * 200).map { pixel in
            let (y, x) = pixel.quotientAndRemainder(dividingBy: 200)
            return fixture.small.blocks[y / 25 * 8 + x / 25]
        }
        let map = LabelMap(width: 200, height: 150, labels: labels)
        let (rows, columns) = (fixture.small.shape[0], fixture.small.shape[1])
        let masks = map.masks(of: [0, 1, 2], on: cells(rows, columns, of: 8))
        for (cell, label) in fixture.small.labels.enumerated() {
            let values = masks.elements[cell * 3..<cell * 3 + 3]
            #expect(Array(values) == (0..<3).map { $0 == Int(label) ? 1 : 0 })
        }
    }

    @Test func networkSizesMatchReference() throws {
        for size in try (fixture("video.json") as Fixture).sizes {
            let found = VideoSegmenter.networkSize(
                width: size[0], height: size[1], shorterSide: 480)
            #expect([found.width, found.height] == [size[2], size[3]])
        }
        let small = VideoSegmenter.networkSize(width: 90, height: 80, shorterSide: 24)
        #expect(small.width == 64 && small.height == 24)
    }

    @Test func scoresMatchBenchmark() throws {
        let cases = try (fixture("video.json") as Fixture).scores
        for expected in cases {
            func map(_ runs: [Int]) -> LabelMap {
                var labels = [UInt8](repeating: 0, count: expected.width * expected.height)
                for index in stride(from: 0, to: runs.count, by: 2) {
                    for pixel in runs[index]..<runs[index + 1] { labels[pixel] = 1 }
                }
                return LabelMap(width: expected.width, height: expected.height, labels: labels)
            }
            let found = ObjectMask(map(expected.found), label: 1)
            let truth = ObjectMask(map(expected.truth), label: 1)
            #expect(abs(found.regionSimilarity(to: truth) - expected.j) < 1e-12)
            #expect(abs(found.contourAccuracy(to: truth) - expected.f) < 1e-12)
        }
    }

    /// Two objects in two frames. The label 255 counts as background if there are others, otherwise as an object.
    @Test func scoresAreMeansOverFramesThenObjects() {
        let truth = LabelMap(width: 4, height: 1, labels: [1, 2, 2, 255])
        var scores = VideoScores(first: truth)
        #expect(scores.objects.map(\.label) == [1, 2])
        scores.add(truth, truth: truth)
        scores.add(LabelMap(width: 4, height: 1, labels: [1, 2, 1, 1]), truth: truth)
        let regions = scores.objects.map(\.region)
        #expect(regions[0] == (1.0 + 1.0 / 3.0) / 2.0)
        #expect(regions[1] == 0.75)
        #expect(scores.region == (regions[0] + 0.75) / 2.0)
        #expect(scores.mean == (scores.region + scores.contour) / 2)
        let alone = VideoScores(first: LabelMap(width: 2, height: 1, labels: [0, 255]))
        #expect(alone.objects.map(\.label) == [255])
    }

    /// The mask is kept to the resolution of cells, with its label. Frames and masks of another size are rejected.
    @Test func repeatedFrameKeepsItsMask() throws {
        var generator = SplitMix64(seed: 4)
        let configuration = VisionTransformer.Configuration(
            width: 64, depth: 2, heads: 2, patchSize: 8)
        let model = VisionTransformer(untrained: configuration, using: &generator)
        let pixels = (0..<64 * 48 * 3).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        let frame = Image(width: 64, height: 48, pixels: pixels)
        let labels = (0..<64 * 48).map { UInt8($0 / 64 >= 16 && $0 % 64 >= 24 ? 7 : 0) }
        let mask = LabelMap(width: 64, height: 48, labels: labels)
        var options = VideoSegmenter.Options()
        options.shorterSide = 48
        options.propagation.neighbours = 1
        var segmenter = try VideoSegmenter(model, first: frame, labels: mask, options: options)
        for _ in 0..<9 {
            let found = try segmenter.labels(of: frame)
            // Borders are those of whole cells here, and blur by at most half a cell.
            let wrong = zip(found.labels, labels).count { $0 != $1 }
            #expect(found.objects == [0, 7] && wrong < 150)
        }
        let other = Image(width: 48, height: 64)
        #expect(
            throws: VideoError.size(width: 48, height: 64, expectedWidth: 64, expectedHeight: 48)
        ) { try segmenter.labels(of: other) }
        #expect(
            throws: VideoError.size(width: 64, height: 48, expectedWidth: 48, expectedHeight: 64)
        ) {
            try VideoSegmenter(model, first: other, labels: mask, options: options)
        }
    }

    @Test func framesAreNormalisedAsTheNetworkRequires() throws {
        var generator = SplitMix64(seed: 5)
        var model = VisionTransformer(
            untrained: .init(width: 64, depth: 2, heads: 2, patchSize: 8), using: &generator)
        let frames = (0..<2).map { _ in
            let pixels = (0..<64 * 48 * 3).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            return Image(width: 64, height: 48, pixels: pixels)
        }
        let labels = (0..<64 * 48).map { UInt8($0 % 64 >= 24 ? 1 : 0) }
        let mask = LabelMap(width: 64, height: 48, labels: labels)
        var options = VideoSegmenter.Options()
        options.shorterSide = 48
        let found = try [
            Normalization.imageNet, .satellite,
            .init(mean: [0.1, 0.9, 0.5], standardDeviation: [1, 0.1, 0.3]),
        ].map {
            model.normalization = $0
            var segmenter = try VideoSegmenter(
                model, first: frames[0], labels: mask, options: options)
            return try segmenter.labels(of: frames[1]).labels
        }
        #expect(Set(found).count == 3)
    }

    /// At 480 pixels its longer side would have 384,000.
    @Test func elongatedFrameIsRefused() throws {
        var generator = SplitMix64(seed: 6)
        let model = VisionTransformer(
            untrained: .init(width: 64, depth: 1, heads: 1, patchSize: 8), using: &generator)
        let line = LabelMap(width: 800, height: 1, labels: Array(repeating: 0, count: 800))
        #expect(
            throws: VideoError.extraction(
                .preprocessing(.tooLong(width: 800, height: 1, loadSize: 480)))
        ) {
            _ = try VideoSegmenter(model, first: Image(width: 800, height: 1), labels: line)
        }
    }
}
