import Tensors
import Testing

/// Every operation with a pullback, against central differences.
@Suite struct OperationGradientTests {
    @Test("Linear maps: bias, GELU, residual", arguments: [Activation.identity, .gelu])
    func linear(activation: Activation) {
        var noise = Noise(seed: 1)
        let x = noise.tensor([2, 3, 5])
        let weight = noise.tensor([4, 5])
        let bias = noise.tensor([4])
        checkGradient(at: [x, weight]) { $0[0].linear(weight: $0[1], activation: activation) }
        checkGradient(at: [x, weight, bias, noise.tensor([2, 3, 4])]) {
            $0[0].linear(weight: $0[1], bias: $0[2], activation: activation, adding: $0[3])
        }
    }

    @Test("A value that is used more than once has the sum of its uses' gradients")
    func fanOut() {
        var noise = Noise(seed: 2)
        checkGradient(at: [noise.tensor([3, 4]), noise.tensor([4, 4])], tolerance: 3e-4) {
            let hidden = $0[0].linear(weight: $0[1], adding: $0[0])
            return hidden.linear(weight: $0[1], activation: .gelu, adding: hidden)
        }
    }

    @Test("Layer norm")
    func layerNorm() {
        var noise = Noise(seed: 3)
        for width in [3, 16, 21] {
            checkGradient(
                at: [
                    noise.tensor([2, 2, width], scale: 2), noise.tensor([width]),
                    noise.tensor([width]),
                ],
                tolerance: 1e-3
            ) {
                $0[0].layerNorm(weight: $0[1], bias: $0[2], epsilon: 1e-6)
            }
        }
    }

    @Test("Views")
    func views() {
        var noise = Noise(seed: 4)
        checkGradient(at: [noise.tensor([4, 6])]) { x in
            x[0].rows(1..<3).reshaped(to: [3, 4]).rows(0..<2)
                .linear(weight: x[0].reshaped(to: [6, 4]))
        }
    }
}
