import DINO
import Tensors
import Testing
import ViT

@Suite struct FrozenEmbeddingTests {
    @Test func matchesReference() throws {
        let network = try VisionTransformer(
            contentsOf: EvaluationFixtures.path("network.safetensors"), heads: 2)
        let file = try EvaluationFixtures.tensors("embeddings.safetensors")
        let images = try file.tensor(named: "images")
        func check(_ found: Tensor, _ name: String) throws {
            let expected = try file.tensor(named: name)
            #expect(found.shape == expected.shape)
            // Three blocks in float32; values are about 1.
            #expect(zip(found.elements, expected.elements).allSatisfy { abs($0 - $1) < 2e-5 })
        }
        try check(FrozenEmbedding()(network, images), "1")
        try check(FrozenEmbedding(lastBlocks: 2)(network, images), "2")
        let both = FrozenEmbedding(lastBlocks: 2, averagesPatches: true)
        #expect(both.width(of: network) == 36)
        let joined = both(network, images)
        try check(joined.columns(0..<24), "2")
        try check(joined.columns(24..<36), "patches")
    }
}
