import Tensors
import Testing
import ViT

@Suite struct FeaturesTests {
    /// A case of make_model.py, which explains what each is for.
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var height: Int
        var width: Int
        var stride: PatchStride? = nil
        var grid: PatchGrid
        var resampling = PositionResampling.scaleFactor

        var testDescription: String { name }
    }

    static let cases = [
        Case(name: "wide", height: 40, width: 56, grid: PatchGrid(rows: 5, columns: 7)),
        Case(
            name: "fine", height: 40, width: 56, stride: PatchStride(4),
            grid: PatchGrid(rows: 9, columns: 13)),
        Case(
            name: "uneven", height: 40, width: 56, stride: PatchStride(vertical: 4, horizontal: 8),
            grid: PatchGrid(rows: 9, columns: 7)),
        Case(
            name: "odd", height: 24, width: 35, stride: PatchStride(vertical: 3, horizontal: 5),
            grid: PatchGrid(rows: 6, columns: 6)),
        Case(name: "rest", height: 45, width: 37, grid: PatchGrid(rows: 5, columns: 4)),
        Case(name: "one", height: 8, width: 8, grid: PatchGrid(rows: 1, columns: 1)),
        Case(name: "trained", height: 32, width: 32, grid: PatchGrid(rows: 4, columns: 4)),
        Case(name: "square", height: 35, width: 35, grid: PatchGrid(rows: 4, columns: 4)),
        Case(name: "oblong", height: 32, width: 37, grid: PatchGrid(rows: 4, columns: 4)),
        Case(
            name: "size", height: 40, width: 56, stride: PatchStride(vertical: 4, horizontal: 8),
            grid: PatchGrid(rows: 9, columns: 7), resampling: .size),
    ]

    @Test(arguments: cases)
    func featuresMatchTheOfficialCode(example: Case) throws {
        let file = try TensorFile(contentsOf: ModelFixture.path("features.safetensors"))
        let model = try ModelFixture.model(example.resampling)
        let image = try ModelFixture.image(height: example.height, width: example.width)
        let taps = FeatureTap.all.filter { file.names.contains(name(of: $0, in: example)) }
        #expect(taps.count >= 4)
        let features = model.features(of: image, at: taps, stride: example.stride)
        #expect(features.grid == example.grid)
        for tap in taps {
            let expected = try file.tensor(named: name(of: tap, in: example))
            let value = features[tap]
            #expect(value.shape == Shape([1] + expected.shape.dimensions))
            // Both round each of three layers in their own order, about 1e-6 in all; a softmax amplifies
            // it by the magnitude of its scores.
            let tolerance = tap.facet == .classAttention ? 5e-5 : 2e-5
            let error = relativeError(value, expected)
            #expect(error <= tolerance, "\(tap): \(error)")
        }
    }

    private func name(of tap: FeatureTap, in example: Case) -> String {
        "\(example.name).\(tap.layer).\(tap.facet.rawValue)"
    }

    @Test(arguments: ["wide", "one", "trained"])
    func embeddingMatchesTheOfficialForward(name: String) throws {
        let example = try #require(Self.cases.first { $0.name == name })
        let file = try TensorFile(contentsOf: ModelFixture.path("features.safetensors"))
        let image = try ModelFixture.image(height: example.height, width: example.width)
        let embedding = try ModelFixture.model().embeddings(of: image)
        #expect(embedding.shape == [1, 64])
        // As for the features above.
        #expect(relativeError(embedding, try file.tensor(named: "\(name).embedding")) <= 2e-5)
    }

    @Test func passThatEndsEarlyGivesIdenticalFeatures() throws {
        let model = try ModelFixture.model()
        let image = try ModelFixture.image(height: 40, width: 56)
        let stride = PatchStride(4)
        let whole = model.features(of: image, at: FeatureTap.all, stride: stride)
        #expect(whole.values.count == 24)
        for tap in FeatureTap.all {
            let alone = model.features(of: image, at: [tap], stride: stride)
            #expect(alone.values.count == 1)
            // Only the class token is computed then, in another order.
            let isReordered = tap.facet == .embedding
            #expect(
                isReordered
                    ? relativeError(alone[tap], whole[tap]) < 1e-6
                    : identical(alone[tap], whole[tap]), "\(tap)")
            let same = FeatureTap(layer: tap.layer - 3, facet: tap.facet)
            #expect(
                identical(
                    model.features(of: image, at: [same], stride: stride)[same], alone[tap]))
        }
        #expect(model.features(of: image, at: []).values.isEmpty)
    }

    @Test func featuresAreIdenticalForAnyBatchAndThreadCount() throws {
        let model = try ModelFixture.model()
        let image = try ModelFixture.image(height: 40, width: 56)
        let images = [image.elements, image.elements.reversed(), image.elements.map { 2 - $0 }]
            .map { Tensor($0, shape: image.shape) }
        let batch = Tensor(images.flatMap(\.elements), shape: [3, 3, 40, 56])
        let stride = PatchStride(vertical: 2, horizontal: 3)
        let before = Parallelism.threadCount
        defer { Parallelism.threadCount = before }
        for threads in 1...3 {
            Parallelism.threadCount = 1
            let alone = images.map { model.features(of: $0, at: FeatureTap.all, stride: stride) }
            let embeddings = images.map { model.embeddings(of: $0) }
            Parallelism.threadCount = threads
            let together = model.features(of: batch, at: FeatureTap.all, stride: stride)
            let embedded = model.embeddings(of: batch)
            for index in images.indices {
                let row = index..<index + 1
                for tap in FeatureTap.all {
                    #expect(identical(together[tap].rows(row), alone[index][tap]), "\(tap)")
                }
                #expect(identical(embedded.rows(row), embeddings[index]))
            }
        }
    }
}
