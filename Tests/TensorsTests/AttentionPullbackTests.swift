import Foundation
import Tensors
import Testing

/// `Tensor.attentionPullback`.
@Suite struct AttentionPullbackTests {
    /// Runs the forward pass on a joined projection, then the pullback.
    private func pullback(_ joined: Tensor, _ gradient: Tensor, heads: Int) -> Tensor {
        let (output, logSumExp) = joined.attentionWithLogSumExp(heads: heads)
        return .attentionPullback(
            joined: joined, output: output, logSumExp: logSumExp, gradient: gradient,
            heads: heads)
    }

    @Test func outputAndGradientMatchPyTorch() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Fixtures/attention.safetensors").path
        let file = try TensorFile(contentsOf: path)
        let joined = try file.tensor(named: "joined")
        let gradient = try file.tensor(named: "gradient")
        let (output, _) = joined.attentionWithLogSumExp(heads: 2)
        // Elements up to 10, sums of some hundred products: a few roundings at that magnitude.
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

    @Test func outputIsIdenticalWithLogSumExp() {
        var noise = Noise(seed: 7)
        let joined = noise.tensor([2, 150, 3 * 16], scale: 3)
        let (output, _) = joined.attentionWithLogSumExp(heads: 2)
        #expect(output.isIdentical(to: joined.attention(heads: 2)))
    }

    @Test(arguments: [17, 37, 301, 800])
    func gradientIsIdenticalForAnyThreadCount(tokens: Int) {
        var noise = Noise(seed: 8)
        let joined = noise.tensor([3, tokens, 3 * 64], scale: 3)
        let gradient = noise.tensor([3, tokens, 64])
        let results = withEachThreadCount { pullback(joined, gradient, heads: 2) }
        for result in results { #expect(result.isIdentical(to: results[0])) }
    }

    /// The kernel is tested against double precision elsewhere; here, every head of every image must be
    /// independent of the others, however the work is divided. With 17 tokens a task has several heads;
    /// with 800 the keys of a head are divided if there are few heads.
    @Test(arguments: [17, 37, 301, 800])
    func batchMatchesSingleImages(tokens: Int) {
        var noise = Noise(seed: 9)
        let heads = 2
        let joined = noise.tensor([9, tokens, 3 * 32], scale: 3)
        let gradient = noise.tensor([9, tokens, 32])
        let result = pullback(joined, gradient, heads: heads)
        for image in 0..<9 {
            let alone = pullback(
                joined.rows(image..<image + 1), gradient.rows(image..<image + 1), heads: heads)
            // Where keys are divided, they are summed in another order: roundings of sums whose terms are
            // below 10.
            let worst =
                zip(result.rows(image..<image + 1).elements, alone.elements)
                .map { abs($0 - $1) }.max() ?? 1
            #expect(worst <= (tokens < 512 ? 0 : 1e-5))
        }
    }
}
