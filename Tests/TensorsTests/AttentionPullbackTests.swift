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

    @Test("The threads change no bit", arguments: [17, 37, 301, 800])
    func threads(tokens: Int) {
        var noise = Noise(seed: 8)
        let joined = noise.tensor([3, tokens, 3 * 64], scale: 3)
        let gradient = noise.tensor([3, tokens, 64])
        let results = underThreads { pullback(joined, gradient, heads: 2) }
        for result in results { #expect(result.isIdentical(to: results[0])) }
    }

    /// The kernel is held to double precision elsewhere: here, that every head of every image is its
    /// own, however the work is cut. Of 17 tokens several heads make a task; of 800 tokens the
    /// keys of a head are cut where there are few heads.
    @Test("A batch is its images", arguments: [17, 37, 301, 800])
    func batch(tokens: Int) {
        var noise = Noise(seed: 9)
        let heads = 2
        let joined = noise.tensor([9, tokens, 3 * 32], scale: 3)
        let gradient = noise.tensor([9, tokens, 32])
        let result = pullback(joined, gradient, heads: heads)
        for image in 0..<9 {
            let alone = pullback(
                joined.rows(image..<image + 1), gradient.rows(image..<image + 1), heads: heads)
            // Where keys are cut, the sum over them has another order: roundings of sums whose terms are
            // below 10.
            let worst =
                zip(result.rows(image..<image + 1).elements, alone.elements)
                .map { abs($0 - $1) }.max() ?? 1
            #expect(worst <= (tokens < 512 ? 0 : 1e-5))
        }
    }
}
