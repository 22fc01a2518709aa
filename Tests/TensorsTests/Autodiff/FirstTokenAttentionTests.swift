import Foundation
import Tensors
import Testing

@Suite struct FirstTokenAttentionTests {
    @Test func valueMatchesFullAttention() {
        var noise = Noise(seed: 31)
        let (batch, tokens, width) = (3, 37, 24)
        let joined = noise.tensor([batch, tokens, 3 * width], scale: 2)
        let expected = joined.attention(heads: 3).slices(at: 0)
        let result = Tensor.firstTokenAttention(
            query: joined.slices(at: 0).columns(0..<width),
            keysAndValues: joined.columns(width..<3 * width), heads: 3)
        #expect(result.shape == expected.shape)
        for (x, y) in zip(result.elements, expected.elements) {
            // Float32 sums of values up to 2, in another order.
            #expect(abs(x - y) < 1e-5)
        }
    }

    @Test func gradientMatchesCentralDifferences() {
        var noise = Noise(seed: 32)
        checkGradient(
            at: [noise.tensor([2, 8], scale: 2), noise.tensor([2, 5, 16], scale: 2)],
            tolerance: 5e-4
        ) {
            Tensor.firstTokenAttention(query: $0[0], keysAndValues: $0[1], heads: 2)
        }
    }

    @Test func weightsAndTheirCrossEntropyMatchCentralDifferences() {
        var noise = Noise(seed: 34)
        let inputs = [noise.tensor([2, 8], scale: 2), noise.tensor([2, 5, 8], scale: 2)]
        checkGradient(at: inputs, tolerance: 5e-4) {
            Tensor.firstTokenAttention(query: $0[0], keys: $0[1], heads: 2)
        }
        let targets = Tensor((0..<2 * 3).map { _ in noise.next() + 1 }, shape: [2, 3])
        checkGradient(at: inputs, tolerance: 5e-4) {
            Tensor.firstTokenAttention(query: $0[0], keys: $0[1], heads: 2)
                .attentionCrossEntropy(targets: targets, on: 2..<5)
        }
    }

    /// By hand: two heads and three tokens, the last two counted; their means are 3/8 and 1/8, normalised 3/4 and 1/4.
    @Test func crossEntropyMatchesHandComputation() {
        let attention = Tensor([0.5, 0.25, 0.25, 0.5, 0.5, 0], shape: [1, 2, 3])
        let targets = Tensor([0.5, 1], shape: [1, 2])
        let loss = attention.attentionCrossEntropy(targets: targets, on: 1..<3)
        #expect(abs(Double(loss[]) + 0.5 * log(0.75) + log(0.25)) < 1e-6)
    }

    @Test func concatenationAndWeightedSumMatchCentralDifferences() {
        var noise = Noise(seed: 33)
        let parts = [noise.tensor([2, 3]), noise.tensor([1, 3]), noise.tensor([4, 3])]
        #expect(
            Tensor.concatenated(parts).elements == parts.flatMap(\.elements))
        checkGradient(at: parts) { .concatenated([$0[0], $0[1], $0[2], $0[0]]) }
        let weights = noise.tensor([4, 3])
        checkGradient(at: [parts[2]]) { $0[0].weightedSum(weights) }
    }
}
