import Descriptors
import Foundation
import Images
import Tensors
import Testing
import ViT

@Suite struct CoSegmentationTests {
    let fixture: SegmentationFixture

    init() throws {
        fixture = try SegmentationFixture()
    }

    @Test(arguments: [1234, 7] as [UInt64])
    func clustersAndMasksMatchReference(seed: UInt64) throws {
        let options = SegmentationFixture.options(seed: seed)
        let selections = fixture.pictures.map {
            DescriptorClustering.Selection($0.descriptors.matrix)
        }
        let elbow = options.clustering.fit(selections, elbow: options.elbow, seed: seed)
        let distances = try fixture.tensor("\(seed).distances").elements.map(Double.init)
        #expect(elbow.meanSquaredDistances.count == distances.count)
        for (found, expected) in zip(elbow.meanSquaredDistances, distances) {
            // Single-precision sums of about a thousand products.
            #expect(abs(found - expected) < 1e-4 * expected)
        }
        let model = CoSegmentation(fitting: fixture.pictures, options: options)
        let centres = try fixture.tensor("\(seed).centres")
        #expect(model.centres.shape == centres.shape)
        #expect(greatestDifference(model.centres.elements, centres.elements) < 1e-4)
        let salient = try fixture.labels("\(seed).salient")
        #expect(model.isSalient == salient.map { $0 == 1 })
        let clusters = fixture.pictures.flatMap(model.clusters(of:))
        #expect(clusters.map { UInt8($0) } == (try fixture.labels("\(seed).clusters")))
        let masks = fixture.pictures.flatMap { model.mask(of: $0).labels }
        // GrabCut starts from random colours on both sides.
        #expect(agreement(masks, try fixture.labels("\(seed).masks")) > 0.99)
        // Without GrabCut, a pixel takes the cell whose centre, at 4 * index + 4, is nearest.
        var plain = options
        plain.refinement = nil
        let blocks = CoSegmentation(fitting: fixture.pictures, options: plain)
        let mask = blocks.mask(of: fixture.pictures[0])
        let cells = blocks.foreground(of: fixture.pictures[0])
        for (x, y) in [(0, 0), (79, 63), (40, 30), (27, 31), (41, 45), (37, 22)] {
            let cell = min(max(y - 2, 0) / 4, 14) * 19 + min(max(x - 2, 0) / 4, 18)
            #expect((mask.labels[y * 80 + x] == 1) == cells[cell])
        }
    }

    /// The reference fails in both cases.
    @Test func acceptsNoOrOnlySalientClusters() {
        var options = SegmentationFixture.options()
        options.threshold = 2
        let none = CoSegmentation(fitting: fixture.pictures, options: options)
        options.threshold = -1
        // Each cluster has cells in every picture, or the votes of the pictures in which it has any.
        options.votePercentage = 0
        let all = CoSegmentation(fitting: fixture.pictures, options: options)
        for picture in fixture.pictures {
            #expect(none.mask(of: picture).labels.allSatisfy { $0 == 0 })
            #expect(all.mask(of: picture).labels.allSatisfy { $0 == 1 })
        }
    }

    /// An outlier does not affect the model, and its mask is empty.
    @Test func outliersAreExcluded() throws {
        let first = fixture.pictures[0]
        let outlier = SegmentationFeatures(
            descriptors: DescriptorGrid(
                values: Tensor(noise(285 * 12, seed: 3), shape: [15, 19, 12]),
                geometry: first.descriptors.geometry),
            classToken: token(-1, 0.5), saliency: first.saliency,
            image: first.image)
        var options = SegmentationFixture.options()
        let expected = CoSegmentation(fitting: fixture.pictures, options: options)
        let disturbed = CoSegmentation(fitting: fixture.pictures + [outlier], options: options)
        #expect(disturbed.centres != expected.centres)
        options.outlierThreshold = CoSegmentation.Options.usualOutlierThreshold
        let model = CoSegmentation(
            fitting: [outlier] + fixture.pictures, options: options)
        #expect(model.isOutlier(outlier) && !fixture.pictures.contains(where: model.isOutlier))
        #expect(model.centres == expected.centres && model.isSalient == expected.isSalient)
        #expect(model.mask(of: outlier).labels.allSatisfy { $0 == 0 })
        #expect(model.mask(of: first) == expected.mask(of: first))
        // The mean token is (0.6, 0.22); its cosine with (1, 0) is 0.939, with (-1, 0.5) below zero.
        options.outlierThreshold = 0.94
        let strict = CoSegmentation(fitting: [outlier] + fixture.pictures, options: options)
        #expect(strict.isOutlier(first))
        options.outlierThreshold = 0.93
        let mild = CoSegmentation(fitting: [outlier] + fixture.pictures, options: options)
        #expect(!mild.isOutlier(first))
        options.outlierThreshold = 2
        let empty = CoSegmentation(fitting: fixture.pictures, options: options)
        #expect(empty.centres.shape == [0, 12] && empty.clusters(of: first).isEmpty)
        #expect(empty.mask(of: first).labels.allSatisfy { $0 == 0 })
        let file = TemporaryFile()
        try empty.write(to: file.path)
        #expect(try CoSegmentation(contentsOf: file.path).centres.shape == [0, 12])
    }

    /// One picture, uniform pictures, and fewer cells than clusters.
    @Test func acceptsSmallAndUniformSets() {
        let first = fixture.pictures[0]
        var options = SegmentationFixture.options()
        let one = CoSegmentation(fitting: [first], options: options)
        #expect(Set(one.mask(of: first).labels) == [0, 1])
        func plain(_ value: Float, rows: Int, columns: Int) -> SegmentationFeatures {
            let geometry = DescriptorGrid.Geometry(
                width: 4 + 4 * columns, height: 4 + 4 * rows, patchSize: 8, stride: PatchStride(4))
            return SegmentationFeatures(
                descriptors: DescriptorGrid(
                    values: Tensor(repeating: value, shape: [rows, columns, 3]),
                    geometry: geometry),
                saliency: SaliencyMap(values: Tensor(repeating: 0, shape: [rows, columns])),
                image: Image(
                    width: geometry.imageWidth, height: geometry.imageHeight, colour: .black))
        }
        for value in [0, 1] as [Float] {
            let blank = plain(value, rows: 15, columns: 19)
            let model = CoSegmentation(fitting: [blank, blank], options: options)
            #expect(model.mask(of: blank).labels.allSatisfy { $0 == 0 })
        }
        options.clustering.sampleInterval = 100
        let tiny = plain(1, rows: 1, columns: 2)
        let model = CoSegmentation(fitting: [tiny], options: options)
        #expect(model.centres.shape[0] <= 2)
        #expect(model.mask(of: tiny).labels.allSatisfy { $0 == 0 })
    }

    @Test func resultsAreIdenticalForAnyThreadCount() {
        let before = Parallelism.threadCount
        defer { Parallelism.threadCount = before }
        let results = [1, 2, 5].map { threads in
            Parallelism.threadCount = threads
            let model = CoSegmentation(
                fitting: fixture.pictures, options: SegmentationFixture.options())
            return (model.centres, fixture.pictures.map(model.mask(of:)))
        }
        for result in results {
            #expect(result.0 == results[0].0 && result.1 == results[0].1)
        }
    }

    /// Opening it as another kind of model fails, and so does applying it to features with other channels.
    @Test func savedModelReadsBackEqual() throws {
        var options = SegmentationFixture.options()
        options.taps.features.loadSize = nil
        options.outlierThreshold = 0.5
        let model = CoSegmentation(fitting: fixture.pictures, options: options)
        let file = TemporaryFile()
        try model.write(to: file.path)
        let read = try CoSegmentation(contentsOf: file.path)
        #expect(read.options == model.options && read.centres == model.centres)
        #expect(read.isSalient == model.isSalient && read.meanClassToken == model.meanClassToken)
        #expect(read.mask(of: fixture.pictures[2]) == model.mask(of: fixture.pictures[2]))
        #expect(
            throws: SegmentationModelError.otherContent(
                path: file.path, expected: "part co-segmentation")
        ) { try PartCoSegmentation(contentsOf: file.path) }
        let other = grid(noise(4 * 5, seed: 1), 2, 2)
        let picture = SegmentationFeatures(
            descriptors: other, saliency: nil, image: Image(width: 2, height: 2))
        #expect(throws: SegmentationModelError.otherChannels(path: "m", expected: 12, found: 5)) {
            try read.check(picture, path: "m")
        }
    }

    /// The JSON in files of models, as earlier versions wrote it.
    @Test func storedTapsKeepTheirForm() throws {
        var taps = SegmentationTaps(
            features: FeatureOptions(stride: PatchStride(4), saliencyHeads: [1]))
        taps.network = "n"
        let json = """
            {"binning":{"none":{}},"facet":"key","layer":-1,"loadSize":224,"network":"n",\
            "saliency":"half","saliencyHeads":[1],"stride":{"horizontal":4,"vertical":4}}
            """
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        #expect(String(decoding: try encoder.encode(taps), as: UTF8.self) == json)
        #expect(try JSONDecoder().decode(SegmentationTaps.self, from: Data(json.utf8)) == taps)
    }

    /// The error names the file, and no option in it causes a crash.
    @Test func rejectsInconsistentModelFiles() throws {
        let file = TemporaryFile()
        let centres = Tensor(repeating: 0, shape: [3, 4])
        func write(_ tensors: [String: Tensor], _ change: (inout CoSegmentation.Options) -> Void)
            throws
        {
            var options = CoSegmentation.Options()
            change(&options)
            let json = String(decoding: try JSONEncoder().encode(options), as: UTF8.self)
            try Safetensors.write(
                tensors, metadata: ["model": "co-segmentation", "options": json], to: file.path)
        }
        func expectError(_ part: String) {
            #expect { try CoSegmentation(contentsOf: file.path) } throws: { error in
                "\(error)".hasPrefix(file.path) && "\(error)".contains(part)
            }
        }
        let whole = ["centres": centres, "salient": Tensor(repeating: 0, shape: [3])]
        try write(whole) { _ in }
        #expect(try CoSegmentation(contentsOf: file.path).isSalient == [false, false, false])
        try write(["centres": centres]) { _ in }
        expectError("salient")
        try write(["centres": centres, "salient": centres]) { _ in }
        expectError("salient is 3x4; expected 3 numbers")
        try write(["centres": whole["salient"] ?? centres, "salient": centres]) { _ in }
        expectError("centres is 3; expected a matrix")
        try write(whole) { $0.outlierThreshold = 0.7 }
        expectError("meanClassToken")
        try write(whole) { $0.taps.features.loadSize = 0 }
        expectError("load size 0")
        try write(whole) { $0.taps.binning = .logarithmic(hierarchy: 0) }
        expectError("hierarchy 0 is not from 1 to 12")
        for facet in [Facet.classAttention, .registerAttention, .embedding] {
            try write(whole) { $0.taps.features.facet = facet }
            expectError(facet.rawValue)
        }
        try write(whole) { $0.refinement?.iterations = 0 }
        expectError("iterations of GrabCut 0 is not from 1")
        try write(whole) { $0.taps.features.layer = -1025 }
        expectError("layer -1025")
        try write(whole) { $0.taps.features.stride = PatchStride(vertical: 4, horizontal: 0) }
        expectError("stride 0")
        try write(whole) { $0.votePercentage = 101 }
        expectError("votes")
        try write(whole) { $0.clustering.mostClusters = 2 }
        expectError("centres has 3 rows; its options allow at most 2")
        try write(whole) { $0.taps.binning = .logarithmic() }
        expectError("centres has 4 channels, not a multiple of its 17 bins")
        var broken = whole
        broken["centres"] = Tensor(
            [1, 2, 3, .nan] + [Float](repeating: 0, count: 8), shape: [3, 4])
        try write(broken) { _ in }
        expectError("centres is not finite")
        broken = whole
        broken["salient"] = Tensor([0, 1, 2], shape: [3])
        try write(broken) { _ in }
        expectError("salient")
        try Safetensors.write(
            whole, metadata: ["model": "co-segmentation", "options": "{}"], to: file.path)
        expectError("options")
        try Safetensors.write(whole, to: file.path)
        expectError("is not a co-segmentation model")
        try Data("no tensors".utf8).write(to: URL(fileURLWithPath: file.path))
        expectError("unknown format")
    }
}
