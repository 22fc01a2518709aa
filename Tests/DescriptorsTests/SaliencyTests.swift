import Descriptors
import Tensors
import Testing
import ViT

private struct SaliencyCase: Decodable {
    let rows: Int
    let columns: Int
    let attention: [Float]
    let saliency: [Float]
}

@Suite struct SaliencyTests {
    private func features(_ attention: [Float], heads: Int, rows: Int, columns: Int) -> Features {
        let tokens = 1 + rows * columns
        return Features(
            layout: TokenLayout(grid: PatchGrid(rows: rows, columns: columns)),
            configuration: .init(width: 4 * heads, depth: 12, heads: heads),
            values: [
                FeatureTap(layer: 11, facet: .classAttention): Tensor(
                    attention, shape: [attention.count / (heads * tokens), heads, tokens])
            ])
    }

    @Test func saliencyMatchesReference() throws {
        let example: SaliencyCase = try fixture("saliency.json")
        // In a batch with an image of other extremes: each map is scaled by its own.
        let other = example.attention.map { 3 * $0 + 1 }
        let features = features(
            other + example.attention, heads: 6, rows: example.rows, columns: example.columns)
        let map = SaliencyMap(features, layer: 11, image: 1)
        #expect(map.values.shape == [example.rows, example.columns])
        // A mean of four numbers, divided by a range about ten times smaller.
        #expect(greatestDifference(map.values.elements, example.saliency) < 2e-6)
        let scaled = SaliencyMap(features, layer: 11, image: 0)
        #expect(greatestDifference(scaled.values.elements, example.saliency) < 1e-4)
    }

    @Test func defaultHeadsDependOnNetwork() {
        #expect(SaliencyMap.defaultHeads(of: .small()) == [0, 2, 4, 5])
        #expect(SaliencyMap.defaultHeads(of: .tiny()) == [0, 1, 2])
        var other = VisionTransformer.Configuration.small()
        other.hasLayerScale = true
        #expect(SaliencyMap.defaultHeads(of: other) == [0, 1, 2, 3, 4, 5])
        let features = features([9, 0, 4, 9, 2, 1], heads: 2, rows: 1, columns: 2)
        #expect(SaliencyMap(features, layer: 11).values.elements == [0, 1])
        #expect(SaliencyMap(features, layer: 11, heads: [1]).values.elements == [1, 0])
    }

    /// The sum of all saliency, in whichever order it is rounded, is reached by all pixels.
    @Test func wholeShareKeepsAllSalientPixels() {
        var generator = Xoshiro256(seed: 9)
        let geometry = DescriptorGrid.Geometry(
            width: 224, height: 224, patchSize: 8, stride: PatchStride(8))
        for _ in 0..<20 {
            let map = SaliencyMap(
                values: .uniform([28, 28], in: 0.1...1, using: &generator), threshold: 0.5)
            let pixels = PixelSaliency(map, geometry: geometry)
            #expect(pixels.foreground(keeping: 1).allSatisfy { $0 })
        }
    }

    @Test func constantMapIsZero() {
        let features = features([1, 0.5, 0.5, 0.5], heads: 1, rows: 1, columns: 3)
        #expect(SaliencyMap(features, layer: 11).values.elements == [0, 0, 0])
    }
}
