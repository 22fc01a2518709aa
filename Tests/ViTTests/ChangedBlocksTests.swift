import Foundation
import Tensors
import Testing
import ViT

@Suite struct ChangedBlocksTests {
    @Test func removedBlocksReduceTheDepthInMemoryAndFile() throws {
        var generator = Xoshiro256(seed: 1)
        let whole = VisionTransformer(
            untrained: VisionTransformer.Configuration(width: 16, depth: 4, heads: 2)
                .sized(patchSize: 8, imageSize: 32), using: &generator)
        var cut = whole
        cut.blocks.removeLast(2)
        #expect(cut.configuration.depth == 2 && whole.configuration.depth == 4)
        let images = Tensor.normal([1, 3, 32, 32], using: &generator)
        let tap = FeatureTap(layer: 1, facet: .token)
        let tokens = whole.features(of: images, at: [tap])[tap]
        let last = FeatureTap(layer: -1, facet: .token)
        #expect(cut.features(of: images, at: [last])[last] == tokens)

        let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).safetensors")
            .path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try cut.write(to: path)
        let read = try VisionTransformer(contentsOf: path)
        #expect(read.configuration.depth == 2)
        #expect(read.features(of: images, at: [tap])[tap] == tokens)
    }

    /// With learnt and with rotary positions, and registers.
    @Test(arguments: [false, true])
    func blocksCalledOneByOneGiveThePassOfTheNetwork(_ isRotary: Bool) {
        var generator = Xoshiro256(seed: 2)
        var configuration = VisionTransformer.Configuration(width: 16, depth: 3, heads: 2)
            .sized(patchSize: 8, imageSize: 32)
        configuration.registers = 2
        if isRotary { configuration.positions = .rotary(periods: [1, 3]) }
        let network = VisionTransformer(untrained: configuration, using: &generator)
        let images = Tensor.normal([2, 3, 24, 40], using: &generator)
        let tap = FeatureTap(layer: -1, facet: .normedToken)
        let features = network.features(of: images, at: [tap], stride: PatchStride(5))
        let angles = network.rotaryPositions?.angles(on: features.grid)
        var x = network.tokens(of: images, stride: PatchStride(5))
        for block in network.blocks { x = block(x, rotatedBy: angles) }
        #expect(network.norm(x) == features[tap])
    }
}
