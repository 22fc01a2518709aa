import DINO
import Tensors
import Testing
import ViT

@Suite struct DINOHeadTests {
    @Test("Parameters have the official names, in the official order")
    func names() {
        var generator = Xoshiro256(seed: 0)
        func names(layers: Int, hasBatchNorm: Bool) -> [String] {
            var options = DINOHead.Options(prototypes: 6)
            options.layers = layers
            options.hiddenWidth = 5
            options.bottleneckWidth = 4
            options.hasBatchNorm = hasBatchNorm
            return DINOHead(inputWidth: 3, options: options, using: &generator).parameters
                .map(\.name)
        }
        let last = ["last_layer.weight_g", "last_layer.weight_v"]
        // `[name for name, _ in DINOHead(3, 6, use_bn, nlayers=n).named_parameters()]`.
        #expect(
            names(layers: 3, hasBatchNorm: false)
                == [0, 2, 4].flatMap { ["mlp.\($0).weight", "mlp.\($0).bias"] } + last)
        #expect(
            names(layers: 3, hasBatchNorm: true)
                == [0, 1, 3, 4, 6].flatMap { ["mlp.\($0).weight", "mlp.\($0).bias"] } + last)
        #expect(names(layers: 1, hasBatchNorm: true) == ["mlp.weight", "mlp.bias"] + last)
    }

    @Test("Embeddings' spread is seen")
    func statistics() {
        // Two channels of the same numbers lie on a line; two that have nothing to do with each other,
        // with equal variance, fill a plane.
        let line = EmbeddingStatistics(Tensor([-1, -1, 1, 1, 3, 3], shape: [3, 2]))
        #expect(abs(line.rank - 1) < 1e-6)
        #expect(abs(line.deviation - (8.0 / 3).squareRoot()) < 1e-6)
        let plane = EmbeddingStatistics(Tensor([-1, -1, -1, 1, 1, -1, 1, 1], shape: [4, 2]))
        #expect(abs(plane.rank - 2) < 1e-6)
        #expect(plane.deviation == 1)
        let point = EmbeddingStatistics(Tensor(repeating: 3, shape: [5, 7]))
        #expect(point.rank == 0 && point.deviation == 0)
    }
}
