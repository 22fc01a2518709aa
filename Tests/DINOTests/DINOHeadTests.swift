import DINO
import Tensors
import Testing
import ViT

@Suite struct DINOHeadTests {
    @Test func parameterNamesAndOrderMatchReference() {
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
}
