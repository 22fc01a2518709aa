import Foundation
import Tensors
import Testing

/// `Tensor.attention` and `Tensor.firstTokenAttention`.
@Suite struct AttentionTests {
    /// softmax(scale Q Kᵀ) of one image and head, in double precision.
    private func weights(
        _ joined: Tensor, _ image: Int, _ query: Int, _ head: Int, heads: Int
    ) -> [Double] {
        let tokens = joined.shape[1]
        let width = joined.shape[2] / 3
        let headWidth = width / heads
        let scores = (0..<tokens).map { key in
            (0..<headWidth).reduce(0.0) {
                $0 + Double(joined[image, query, head * headWidth + $1])
                    * Double(joined[image, key, width + head * headWidth + $1])
            } / Double(headWidth).squareRoot()
        }
        let highest = scores.max() ?? 0
        let powers = scores.map { exp($0 - highest) }
        let total = powers.reduce(0, +)
        return powers.map { $0 / total }
    }

    @Test(arguments: [1, 2, 144, 145, 300, 450])
    func headsAndImagesAttendIndependently(tokens: Int) {
        var noise = Noise(seed: UInt64(tokens))
        let heads = 3
        let headWidth = 8
        let width = heads * headWidth
        let joined = noise.tensor([2, tokens, 3 * width], scale: 3)
        let result = joined.attention(heads: heads)
        #expect(result.shape == [2, tokens, width])
        for image in 0..<2 {
            for query in Set([0, tokens / 2, tokens - 1]) {
                for channel in 0..<width {
                    let weights = weights(joined, image, query, channel / headWidth, heads: heads)
                    let expected = weights.enumerated().reduce(0.0) {
                        $0 + $1.element * Double(joined[image, $1.offset, 2 * width + channel])
                    }
                    // Values up to 3 and scores up to 10: about ten roundings of each.
                    #expect(abs(Double(result[image, query, channel]) - expected) < 1e-5)
                }
            }
        }
    }

    @Test(arguments: [false, true])
    func outputIsIdenticalForAnyBatchAndThreadCount(inIntegers: Bool) {
        var noise = Noise(seed: 3)
        // Enough tokens that kernels with a packed form of the keys use it.
        let joined = noise.tensor([3, 451, 3 * 64], scale: 3)
        func attention(_ joined: Tensor) -> Tensor {
            joined.attention(heads: 2, inIntegers: inIntegers)
        }
        let results = withEachThreadCount { attention(joined) }
        for image in 0..<3 {
            let alone = attention(joined.rows(image..<image + 1))
            for result in results {
                #expect(result.rows(image..<image + 1).isIdentical(to: alone))
            }
        }
    }

    @Test func firstTokenAttentionMatchesSoftmaxRow() {
        var noise = Noise(seed: 4)
        let heads = 2
        let joined = noise.tensor([3, 77, 3 * 16], scale: 4)
        let query = joined.slices(at: 0).columns(0..<16)
        let keys = joined.columns(16..<32)
        let results = withEachThreadCount {
            Tensor.firstTokenAttention(query: query, keys: keys, heads: heads)
        }
        for result in results {
            #expect(result.shape == [3, heads, 77])
            #expect(result.isIdentical(to: results[0]))
        }
        for image in 0..<3 {
            for head in 0..<heads {
                let expected = weights(joined, image, 0, head, heads: heads)
                for token in 0..<77 {
                    // Scores up to 30: an error of 3e-6 in a score is a relative error of 3e-6 here.
                    let error = abs(Double(results[0][image, head, token]) - expected[token])
                    #expect(error <= 1e-5 * expected[token])
                }
            }
        }
    }
}
