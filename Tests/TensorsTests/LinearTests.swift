import Tensors
import Testing

/// Linear maps, which cache a packed copy of their weights from the second use on.
@Suite struct LinearTests {
    private let inputs = 500
    private let outputs = 200

    private func layer(_ noise: inout Noise) -> Linear {
        Linear(weight: noise.tensor([outputs, inputs]), bias: noise.tensor([outputs]))
    }

    @Test(arguments: [1, 7, 50, 199, 400])
    func repeatedUseGivesIdenticalResults(rows: Int) {
        var noise = Noise(seed: UInt64(rows))
        let layer = layer(&noise)
        let x = noise.tensor([rows, inputs])
        let norm = LayerNorm(
            weight: noise.tensor([inputs]), bias: noise.tensor([inputs]), epsilon: 1e-6)
        for map in [InputMap.identity, .gelu, .norm(norm)] {
            let expected = x.linear(weight: layer.weight, bias: layer.bias, after: map)
            for _ in 0..<3 { #expect(layer(x, after: map) == expected) }
        }
    }

    @Test func newWeightsTakeEffectAndCopiesKeepTheirs() {
        var noise = Noise(seed: 1)
        var layer = layer(&noise)
        let x = noise.tensor([300, inputs])
        let before = layer(x)
        let copy = layer
        for _ in 0..<3 { _ = layer(x) }

        layer.weight.withUnsafeMutableElements { $0[3 * inputs + 5] += 1 }
        #expect(layer(x) == x.linear(weight: layer.weight, bias: layer.bias))
        #expect(layer(x) != before)
        #expect(copy(x) == before)

        layer.forEachParameter { name, tensor in
            if name == "weight" { tensor = noise.tensor([outputs, inputs]) }
        }
        #expect(layer(x) == x.linear(weight: layer.weight, bias: layer.bias))
    }
}
