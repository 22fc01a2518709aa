import Testing
import ViT

@Suite struct ConfigurationTests {
    @Test func namedArchitecturesMatchTheOfficialOnes() {
        // vit_tiny, vit_small and vit_base of vision_transformer.py.
        for (configuration, width, heads) in [
            (VisionTransformer.Configuration.tiny(), 192, 3), (.small(), 384, 6),
            (.base(), 768, 12),
        ] {
            #expect(configuration.width == width)
            #expect(configuration.heads == heads)
            #expect(configuration.headWidth == 64)
            #expect(configuration.depth == 12)
            #expect(configuration.patchSize == 16)
            #expect(configuration.hiddenWidth == 4 * width)
            #expect(configuration.positions == .learnt(PatchGrid(rows: 14, columns: 14)))
            #expect(configuration.layerNormEpsilon == 1e-6)
        }
        let fine = VisionTransformer.Configuration.small(patchSize: 8)
        #expect(fine.patchSize == 8)
        #expect(fine.positions == .learnt(PatchGrid(rows: 28, columns: 28)))
    }

    @Test func gridHoldsEveryWholePatch() throws {
        let model = try ModelFixture.model()
        #expect(model.layout(height: 8, width: 15).grid == PatchGrid(rows: 1, columns: 1))
        #expect(model.layout(height: 16, width: 23).grid == PatchGrid(rows: 2, columns: 2))
        let fine = model.layout(
            height: 33, width: 16, stride: PatchStride(vertical: 1, horizontal: 3))
        #expect(fine.grid == PatchGrid(rows: 26, columns: 3))
    }
}
