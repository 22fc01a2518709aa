import Tensors
import Testing

/// Two layers computed together against the same two layers one after the other, bit for bit.
@Suite struct PerceptronTests {
    /// How the layers hold their weights; nil: as they are, which are packed from the second use on.
    @Test(arguments: [nil] + Precision.allCases.map { $0 as Precision? })
    func rowsTogetherHaveTheBitsOfLayersInTurn(precision: Precision?) {
        var noise = Noise(seed: 7)
        let (inputs, width) = (70, 130)
        var hidden = Linear(weight: noise.tensor([width, inputs]), bias: noise.tensor([width]))
        var output = Linear(weight: noise.tensor([inputs, width]), bias: noise.tensor([inputs]))
        let norm = LayerNorm(
            weight: noise.tensor([inputs]), bias: noise.tensor([inputs]), epsilon: 1e-6)
        if let precision {
            hidden.prepare(for: precision)
            output.prepare(for: precision)
        }
        // Fewer rows than are divided, and more, which do not fill the last tile.
        for shape: Shape in [[100, inputs], [2, 160, inputs], [773, inputs]] {
            let x = noise.tensor(shape)
            for map in [InputMap.norm(norm), .identity] {
                for residual in [x, nil] {
                    func inTurn() -> Tensor {
                        output(hidden(x, after: map), after: .gelu, adding: residual)
                    }
                    // The second time the weights are cached.
                    _ = inTurn()
                    let expected = inTurn()
                    let found = withEachThreadCount {
                        x.perceptron(hidden, output, after: map, adding: residual)
                    }
                    for result in found { #expect(result.isIdentical(to: expected)) }
                }
            }
        }
    }

    @Test func gradientsReachBothLayers() {
        var noise = Noise(seed: 8)
        var hidden = Linear(weight: noise.tensor([12, 6]), bias: noise.tensor([12]))
        let output = Linear(weight: noise.tensor([6, 12]), bias: noise.tensor([6]))
        let x = noise.tensor([300, 6])
        // Cached, so that only the recording of a bias keeps the layers apart.
        for _ in 0..<2 { _ = output(hidden(x), after: .gelu) }
        let bias = hidden.bias
        let errors = gradientErrors(at: [bias]) { variables in
            hidden.bias = variables[0]
            return x.perceptron(hidden, output, after: .identity, adding: x)
        }
        for error in errors { #expect(error < 1e-3) }
    }
}
