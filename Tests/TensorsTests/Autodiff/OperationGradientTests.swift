import Tensors
import Testing

/// Every operation with a pullback, against central differences.
@Suite struct OperationGradientTests {
    /// With and without bias, residual and an operation on the input.
    @Test func linearMatchesCentralDifferences() {
        var noise = Noise(seed: 1)
        let inputs = [
            noise.tensor([2, 3, 5]), noise.tensor([4, 5]), noise.tensor([4]),
            noise.tensor([2, 3, 4]),
        ]
        for map in [InputMap.identity, .gelu] {
            checkGradient(at: Array(inputs.prefix(2))) {
                $0[0].linear(weight: $0[1], after: map)
            }
            checkGradient(at: inputs) {
                $0[0].linear(weight: $0[1], bias: $0[2], after: map, adding: $0[3])
            }
        }
        checkGradient(
            at: inputs + [noise.tensor([5]), noise.tensor([5])], tolerance: 1e-3
        ) {
            $0[0].linear(
                weight: $0[1], bias: $0[2],
                after: .norm(LayerNorm(weight: $0[4], bias: $0[5], epsilon: 1e-6)),
                adding: $0[3])
        }
    }

    /// A linear map after a norm, of which one tensor is tracked instead of all.
    @Test func trackingOneTensorGivesTheSameGradient() throws {
        var noise = Noise(seed: 7)
        let tensors = [
            noise.tensor([3, 5]), noise.tensor([4, 5]), noise.tensor([5]), noise.tensor([5]),
        ]
        func gradients(tracking chosen: Set<Int>) -> [Tensor?] {
            let tape = Tape()
            let inputs = tensors.indices.map {
                chosen.contains($0) ? tape.track(tensors[$0]) : tensors[$0]
            }
            let value = inputs[0].linear(
                weight: inputs[1],
                after: .norm(LayerNorm(weight: inputs[2], bias: inputs[3], epsilon: 1e-6)))
            var results = [Tensor?](repeating: nil, count: chosen.count)
            tape.backward(from: value.gelu().sum(), into: &results)
            return results
        }
        let all = gradients(tracking: [0, 1, 2, 3])
        for index in tensors.indices {
            let expected = try #require(all[index])
            #expect(gradients(tracking: [index]) == [expected])
        }
    }

    @Test func gradientsOfAllUsesAddUp() {
        var noise = Noise(seed: 2)
        checkGradient(at: [noise.tensor([3, 4]), noise.tensor([4, 4])], tolerance: 3e-4) {
            let hidden = $0[0].linear(weight: $0[1], adding: $0[0])
            return hidden.linear(weight: $0[1], after: .gelu, adding: hidden)
        }
    }

    @Test func layerNormMatchesCentralDifferences() {
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

    @Test func attentionMatchesCentralDifferences() {
        var noise = Noise(seed: 5)
        checkGradient(at: [noise.tensor([2, 5, 3 * 8], scale: 2)], tolerance: 5e-4) {
            $0[0].attention(heads: 2)
        }
    }

    @Test func viewsAndSlicesMatchCentralDifferences() {
        var noise = Noise(seed: 4)
        checkGradient(at: [noise.tensor([4, 6])]) { x in
            x[0].rows(1..<3).reshaped(to: [3, 4]).rows(0..<2)
                .linear(weight: x[0].reshaped(to: [6, 4]))
        }
        checkGradient(at: [noise.tensor([3, 4, 5])]) {
            $0[0].slices(at: 2)
                + $0[0].columns(1..<3).reshaped(to: [6, 4]).rows(2..<5).columns(0..<4)
                .linear(weight: $0[0].rows(0..<1).reshaped(to: [5, 4]))
        }
    }

    @Test func arithmeticMatchesCentralDifferences() {
        var noise = Noise(seed: 6)
        checkGradient(at: [noise.tensor([3, 4]), noise.tensor([3, 4])]) {
            ($0[0] + $0[1] + $0[0]).scaled(by: -1.5)
        }
        checkGradient(at: [noise.tensor([3, 4])]) { $0[0].sum() + $0[0].mean().scaled(by: 2) }
        checkGradient(at: [noise.tensor([3, 7], scale: 3)]) { $0[0].gelu() }
        checkGradient(at: [noise.tensor([3, 4]), noise.tensor([4, 5])]) { $0[0].product($0[1]) }
        checkGradient(at: [noise.tensor([3, 4]), noise.tensor([5, 4])]) {
            $0[0].product(transposed: $0[1])
        }
    }

    /// Selected samples of a batch, and what is added back to them.
    @Test func batchSamplesMatchCentralDifferences() {
        var noise = Noise(seed: 7)
        checkGradient(at: [noise.tensor([4, 2, 3]), noise.tensor([3, 3])]) {
            let part = $0[0].samples([0, 3]).linear(weight: $0[1])
            return $0[0].adding(part, toSamples: [0, 3], scaledBy: 1.25)
        }
        let x = noise.tensor([2, 3])
        #expect(x.samples([]).shape == [0, 3])
        #expect(x.adding(x.samples([]), toSamples: [], scaledBy: 2) == x)
        checkGradient(at: [x]) {
            $0[0].adding($0[0].samples([]), toSamples: [], scaledBy: 2)
        }
    }

    /// With a residual, without one, and with the input as its own residual.
    @Test func scaledColumnsMatchCentralDifferences() {
        var noise = Noise(seed: 13)
        let inputs = [noise.tensor([3, 4, 5]), noise.tensor([5]), noise.tensor([3, 4, 5])]
        checkGradient(at: Array(inputs.prefix(2))) { $0[0].scaledColumns(by: $0[1]) }
        checkGradient(at: inputs) { $0[0].scaledColumns(by: $0[1], adding: $0[2]) }
        checkGradient(at: Array(inputs.prefix(2))) {
            $0[0].scaledColumns(by: $0[1], adding: $0[0])
        }
    }

    @Test func swiGLUMatchesCentralDifferences() {
        var noise = Noise(seed: 14)
        checkGradient(at: [noise.tensor([3, 2, 14], scale: 4)], tolerance: 3e-4) { $0[0].swiGLU() }
    }

    @Test func rotaryPositionsMatchCentralDifferences() {
        var noise = Noise(seed: 15)
        // Not the cosines and sines of angles: of a rotation the transpose would also be the inverse.
        let angles = RotaryAngles(cosines: noise.tensor([3, 2]), sines: noise.tensor([3, 2]))
        let x = noise.tensor([2, 5, 24])
        for blocks in 0...3 {
            checkGradient(at: [x]) { $0[0].rotated(by: angles, heads: 2, width: 8, blocks: blocks) }
        }
        // With the input used elsewhere too.
        checkGradient(at: [x]) { $0[0].rotated(by: angles, heads: 2, width: 8, blocks: 2) + $0[0] }
    }

    /// The class token and registers, the patches, and the position codes, if any.
    @Test func tokensMatchCentralDifferences() {
        var noise = Noise(seed: 8)
        checkGradient(
            at: [noise.tensor([1, 3]), noise.tensor([2, 4, 3]), noise.tensor([5, 3])]
        ) {
            Tensor.tokens(leading: $0[0], patches: $0[1], codes: $0[2])
        }
        checkGradient(
            at: [noise.tensor([3, 3]), noise.tensor([2, 4, 3]), noise.tensor([5, 3])]
        ) {
            Tensor.tokens(leading: $0[0], patches: $0[1], codes: $0[2])
        }
        checkGradient(at: [noise.tensor([3, 3]), noise.tensor([2, 4, 3])]) {
            Tensor.tokens(leading: $0[0], patches: $0[1], codes: nil)
        }
    }

    @Test func normalizedRowsMatchCentralDifferences() {
        var noise = Noise(seed: 9)
        checkGradient(at: [noise.tensor([3, 7])], tolerance: 1e-3) { $0[0].normalizedRows() }
        // Rows shorter than epsilon are divided by epsilon.
        checkGradient(at: [noise.tensor([3, 7])]) { $0[0].normalizedRows(epsilon: 5) }
    }

    @Test func weightNormalizationMatchesCentralDifferences() {
        var noise = Noise(seed: 10)
        let magnitudes = Tensor((0..<6).map { _ in 1.5 + noise.next() }, shape: [6, 1])
        checkGradient(
            at: [noise.tensor([3, 5]), noise.tensor([6, 5]), magnitudes], tolerance: 1e-3
        ) {
            $0[0].linear(directions: $0[1], magnitudes: $0[2])
        }
    }

    @Test func batchNormMatchesCentralDifferences() {
        var noise = Noise(seed: 11)
        checkGradient(
            at: [noise.tensor([6, 5], scale: 2), noise.tensor([5]), noise.tensor([5])],
            tolerance: 1e-3
        ) {
            $0[0].batchNorm(weight: $0[1], bias: $0[2], epsilon: 1e-5)
        }
    }

    /// With targets that do not sum to one.
    @Test func crossEntropyMatchesCentralDifferences() {
        var noise = Noise(seed: 12)
        let weights = Tensor((0..<2 * 19).map { _ in noise.next() + 1 }, shape: [2, 19])
        checkGradient(at: [noise.tensor([6, 19])], tolerance: 1e-3) {
            $0[0].crossEntropy(softTargets: weights, temperature: 0.5)
        }
    }

    @Test func squaredErrorAndSliceRangesMatchCentralDifferences() {
        var noise = Noise(seed: 13)
        let targets = noise.tensor([70, 3])
        checkGradient(at: [noise.tensor([70, 3])], tolerance: 3e-4) {
            $0[0].squaredError(to: targets)
        }
        let x = Tensor([1, 2, 4], shape: [3])
        #expect(x.squaredError(to: Tensor([0, 2, 1], shape: [3]))[] == 10)
        let whole = noise.tensor([2, 5, 3])
        let part = whole.slices(in: 1..<4)
        #expect(part.shape == [2, 3, 3])
        #expect(part.slices(at: 1) == whole.slices(at: 2))
        checkGradient(at: [whole]) { $0[0].slices(in: 1..<4) }
    }

    @Test func replacedRowsAndNearestNeighboursMatchCentralDifferences() {
        var noise = Noise(seed: 14)
        checkGradient(at: [noise.tensor([2, 3, 4]), noise.tensor([1, 4])]) {
            $0[0].replacingRows([1, 2, 5], by: $0[1])
        }
        checkGradient(at: [noise.tensor([5, 4])], tolerance: 5e-4) {
            $0[0].nearestNeighbourCloseness()
        }
        // By hand: (1, 0) and (0, 1) are nearest to each other, and (0, 1) is nearest to (-1, 0), whose inner products
        // with them are -1 and 0; each distance is the square root of 2.
        let x = Tensor([1, 0, 0, 1, -1, 0], shape: [3, 2])
        #expect(abs(x.nearestNeighbourCloseness()[] + 0.34657359) < 1e-6)
    }
}
