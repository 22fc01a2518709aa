import Tensors
import Testing

@Suite struct TensorBasicsTests {
    @Test func argmaxAndTopKPreferTheFirstOfEqualElements() {
        let x = Tensor([1, 3, 3, -2, 5, -1, 0, 5], shape: [2, 4])
        #expect(x.argmax() == [1, 0])
        let top = x.topK(3)
        #expect(top.map { $0.map(\.index) } == [[1, 2, 0], [0, 3, 2]])
        #expect(top[1].map(\.value) == [5, 5, 0])
    }

    @Test(arguments: 1...20)
    func topKMatchesStableSort(count: Int) {
        var generator = Xoshiro256(seed: 5)
        // Few distinct values, so that some are equal.
        let x = Tensor((0..<60).map { _ in Float(generator.nextIndex(below: 9)) }, shape: [3, 20])
        for (row, found) in x.topK(count).enumerated() {
            let elements = x.rows(row..<row + 1).elements
            let expected = elements.indices.sorted {
                (elements[$1], $0) < (elements[$0], $1)
            }
            #expect(found.map(\.index) == Array(expected.prefix(count)))
        }
    }

    @Test func sumsAndMeansReduceTheirAxis() {
        let x = Tensor((0..<24).map(Float.init), shape: [2, 3, 4])
        #expect(x.sum(axis: 0).shape == [3, 4])
        #expect(x.sum(axis: 0).elements == Array(stride(from: 12, to: 36, by: 2)))
        #expect(x.sum(axis: 1).elements == [12, 15, 18, 21, 48, 51, 54, 57])
        #expect(x.mean(axis: -1).elements == [1.5, 5.5, 9.5, 13.5, 17.5, 21.5])
        #expect(Tensor([1, 2, 4], shape: [3]).sum(axis: 0) == Tensor([7], shape: []))
        #expect(Tensor([], shape: [0, 3]).sum(axis: 0).elements == [0, 0, 0])
    }

    /// The tolerances are five standard errors: for 10,000 numbers, 0.01 of the deviation for the mean and 0.014 of the
    /// variance for the variance.
    @Test func randomTensorsHaveTheirMomentsAndFollowFromTheSeed() {
        func draw() -> (Tensor, Tensor) {
            var generator = Xoshiro256(seed: 3)
            return (
                .normal([100, 100], mean: 2, deviation: 3, using: &generator),
                .uniform([100, 100], in: -1...3, using: &generator)
            )
        }
        let (normal, uniform) = draw()
        #expect(draw() == (normal, uniform))
        func moments(_ x: Tensor) -> (mean: Double, variance: Double) {
            let values = x.elements.map(Double.init)
            let mean = values.reduce(0, +) / Double(values.count)
            return (
                mean, values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
            )
        }
        #expect(abs(moments(normal).mean - 2) < 0.15 && abs(moments(normal).variance - 9) < 0.7)
        #expect(abs(moments(uniform).mean - 1) < 0.06)
        #expect(abs(moments(uniform).variance - 16.0 / 12) < 0.1)
        #expect(uniform.elements.allSatisfy { -1...3 ~= $0 })
    }

    @Test func networkOfPlainLayersLearnsCurve() {
        struct Curve: Module {
            var hidden: Linear
            var output: Linear

            func callAsFunction(_ x: Tensor) -> Tensor { output(hidden(x).relu()) }

            mutating func forEachParameter(
                _ body: (String, inout Tensor) throws -> Void
            ) rethrows {
                try hidden.forEachParameter(under: "hidden", body)
                try output.forEachParameter(under: "output", body)
            }
        }
        var generator = Xoshiro256(seed: 1)
        var curve = Curve(
            hidden: Linear(inputs: 1, outputs: 32, using: &generator),
            output: Linear(inputs: 32, outputs: 1, using: &generator))
        let x = Tensor.uniform([64, 1], in: -2...2, using: &generator)
        let target = x.squared()
        var optimizer = AdamW(for: curve)
        var losses: [Float] = []
        for _ in 0..<300 {
            var gradients = Gradients(of: curve)
            let loss = valueWithGradient(at: curve, addingTo: &gradients) {
                ($0(x) - target).squared().mean()
            }
            optimizer.step(&curve, by: gradients, rate: 0.01, weightDecay: 0)
            losses.append(loss.elements[0])
        }
        // The variance of x² is 16/5 - 16/9 = 1.4.
        #expect(losses[0] > 1 && losses[299] < 0.02)
    }
}
