import Tensors
import Testing

/// Gradients at shapes that are divided into several tasks, where central differences would take too
/// long: identical for any thread count (`gradients` checks it) and equal to plain sums.
@Suite struct LargeGradientTests {
    /// The outputs are more than one block holds.
    @Test func weightNormalizationOfManyOutputsMatchesItsParts() throws {
        var noise = Noise(seed: 1)
        let x = noise.tensor([70, 20])
        let v = noise.tensor([3300, 20])
        let g = Tensor((0..<3300).map { _ in 1.5 + noise.next() }, shape: [3300, 1])
        let weights = noise.tensor([70, 3300])
        func run(_ rows: Range<Int>) -> (value: Tensor, gradients: [Tensor?]) {
            let inputs = [x, v.rows(rows), g.rows(rows)]
            let value = inputs[0].linear(directions: inputs[1], magnitudes: inputs[2])
            return (
                value,
                gradients(at: inputs, weights: weights.columns(rows)) {
                    $0[0].linear(directions: $0[1], magnitudes: $0[2])
                }
            )
        }
        let whole = run(0..<3300)
        var sum: Tensor?
        for part in [0..<1000, 1000..<2500, 2500..<3300] {
            let (value, gradients) = run(part)
            #expect(value.isIdentical(to: whole.value.columns(part)))
            #expect(
                try #require(whole.gradients[1]).rows(part).isIdentical(to: #require(gradients[1])))
            #expect(
                try #require(whole.gradients[2]).rows(part).isIdentical(to: #require(gradients[2])))
            let dx = try #require(gradients[0])
            sum = sum.map { $0 + dx } ?? dx
        }
        // Sums of 3,300 terms up to 2.5, in another order: a random walk of roundings.
        let (parts, joined) = (try #require(sum), try #require(whole.gradients[0]))
        #expect(parts.shape == joined.shape)
        for (a, b) in zip(parts.elements, joined.elements) {
            #expect(abs(a - b) < 1e-3)
        }
    }

    /// Linear maps, layer norms, cross-entropy and tokens.
    @Test func gradientsOverManyRowsMatchPlainSums() throws {
        var noise = Noise(seed: 2)
        let x = noise.tensor([5, 140, 40])
        let w = noise.tensor([90, 40])
        let weights = noise.tensor([5, 140, 90])
        let linear = gradients(at: [x, w, noise.tensor([90])], weights: weights) {
            $0[0].linear(weight: $0[1], bias: $0[2])
        }
        let dW = try #require(linear[1])
        let db = try #require(linear[2])
        // Sums of 700 terms below 1, which reach about 30: a random walk of roundings.
        for output in 0..<90 {
            let column = weights.columns(output..<output + 1).elements.map(Double.init)
            #expect(abs(Double(db[output]) - column.reduce(0, +)) < 1e-4)
            let values = x.columns(7..<8).elements.map(Double.init)
            let expected = zip(column, values).reduce(0) { $0 + $1.0 * $1.1 }
            #expect(abs(Double(dW[output, 7]) - expected) < 1e-4)
        }

        let ones = Tensor(repeating: 1, shape: [40])
        let inner = noise.tensor([5, 140, 40])
        let norm = gradients(at: [x, ones, ones], weights: inner) {
            $0[0].layerNorm(weight: $0[1], bias: $0[2], epsilon: 1e-6)
        }
        let normal = x.layerNorm(weight: ones, bias: ones.scaled(by: 0), epsilon: 1e-6)
        let (dWeight, dBias) = (try #require(norm[1]), try #require(norm[2]))
        for channel in 0..<40 {
            let dy = inner.columns(channel..<channel + 1).elements.map(Double.init)
            let n = normal.columns(channel..<channel + 1).elements.map(Double.init)
            #expect(abs(Double(dBias[channel]) - dy.reduce(0, +)) < 1e-4)
            let expected = zip(dy, n).reduce(0) { $0 + $1.0 * $1.1 }
            #expect(abs(Double(dWeight[channel]) - expected) < 3e-4)
        }

        // Each row of the gradient sums to zero, because its targets sum to one.
        let logits = noise.tensor([6, 40_000], scale: 3)
        let targets = noise.tensor([2, 40_000], scale: 3).softmax(temperature: 0.5)
        let loss = gradients(at: [logits], weights: Tensor(repeating: 1, shape: [])) {
            $0[0].crossEntropy(softTargets: targets, temperature: 0.1)
        }
        let dLogits = try #require(loss[0])
        for row in 0..<6 {
            let sum = dLogits.rows(row..<row + 1).elements.reduce(0.0) { $0 + Double($1) }
            // The magnitudes sum to 20, and each element has a relative error of 1e-5.
            #expect(abs(sum) < 2e-4)
        }

        let codes = gradients(
            at: [noise.tensor([1, 40]), x, noise.tensor([141, 40])],
            weights: noise.tensor([5, 141, 40])
        ) {
            Tensor.tokens(leading: $0[0], patches: $0[1], codes: $0[2])
        }
        let first = try #require(codes[2]).rows(0..<1)
        // The same five numbers, summed in another order.
        let leading = try #require(codes[0])
        #expect(leading.shape == first.shape)
        for (a, b) in zip(leading.elements, first.elements) {
            #expect(abs(a - b) < 1e-6)
        }
    }
}
