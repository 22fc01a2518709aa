import Foundation
import Tensors
import Testing

/// `Tensor.attentionPullback`.
@Suite struct AttentionPullbackTests {
    /// The pullback at a joined projection, after the forward pass that it needs.
    private func pullback(_ joined: Tensor, _ gradient: Tensor, heads: Int) -> Tensor {
        let (output, logSumExp) = joined.attentionWithLogSumExp(heads: heads)
        return .attentionPullback(
            joined: joined, output: output, logSumExp: logSumExp, gradient: gradient,
            heads: heads)
    }

    @Test("Output and gradient are PyTorch's")
    func isReference() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Fixtures/attention.safetensors").path
        let file = try TensorFile(contentsOf: path)
        let joined = try file.tensor(named: "joined")
        let gradient = try file.tensor(named: "gradient")
        let (output, _) = joined.attentionWithLogSumExp(heads: 2)
        // Elements up to 10, sums of some hundred products: a few roundings at that size.
        let pairs = [
            (output, try file.tensor(named: "output")),
            (pullback(joined, gradient, heads: 2), try file.tensor(named: "joinedGradient")),
        ]
        for (found, expected) in pairs {
            #expect(found.shape == expected.shape)
            let worst = zip(found.elements, expected.elements).map { abs($0 - $1) }.max() ?? 1
            #expect(worst < 1e-5)
        }
    }

    @Test("Asking for the log-sum-exp changes no bit of the output")
    func logSumExpIsExtra() {
        var noise = Noise(seed: 7)
        let joined = noise.tensor([2, 150, 3 * 16], scale: 3)
        let (output, _) = joined.attentionWithLogSumExp(heads: 2)
        #expect(output.isIdentical(to: joined.attention(heads: 2)))
    }

    @Test("Neither the batch nor the threads change a bit", arguments: [37, 301])
    func batchAndThreads(tokens: Int) {
        var noise = Noise(seed: 8)
        let joined = noise.tensor([3, tokens, 3 * 64], scale: 3)
        let gradient = noise.tensor([3, tokens, 64])
        let results = underThreads { pullback(joined, gradient, heads: 2) }
        for image in 0..<3 {
            let alone = pullback(
                joined.rows(image..<image + 1), gradient.rows(image..<image + 1), heads: 2)
            for result in results {
                #expect(result.rows(image..<image + 1).isIdentical(to: alone))
            }
        }
    }
}
