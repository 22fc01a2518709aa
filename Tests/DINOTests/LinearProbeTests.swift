import DINO
import Foundation
import Tensors
import Testing

@Suite struct LinearProbeTests {
    struct Trajectory: Decodable {
        var steps: [Double]
        var tests: [LinearProbe.Score]
    }

    private func labels(_ tensor: Tensor) -> [Int] { tensor.elements.map(Int.init) }

    /// Against eval_linear.py's loop, with the same features, initial weights and order.
    @Test func trainingMatchesReference() throws {
        let expected = try JSONDecoder().decode(
            Trajectory.self,
            from: Data(contentsOf: URL(filePath: EvaluationFixtures.path("probe.json"))))
        let file = try EvaluationFixtures.tensors("probe.safetensors")
        let train = try file.tensor(named: "train")
        let trainLabels = labels(try file.tensor(named: "train.labels"))
        let weight = try file.tensor(named: "weight")
        var probe = LinearProbe(
            classifier: Linear(weight: weight, bias: Tensor(repeating: 0, shape: [6])))
        var options = LinearProbe.Options()
        options.epochs = 4
        options.learningRate = 0.5
        options.batchSize = 16
        var losses: [Double] = []
        for epoch in 0..<4 {
            let order = labels(try file.tensor(named: "order.\(epoch)"))
            for start in stride(from: 0, to: order.count, by: 16) {
                let batch = Array(order[start..<min(start + 16, order.count)])
                losses.append(
                    probe.step(
                        train.samples(batch), labels: batch.map { trainLabels[$0] },
                        rate: options.rate(ofEpoch: epoch)))
            }
            let score = probe.score(
                try file.tensor(named: "test"),
                labels: labels(try file.tensor(named: "test.labels")))
            #expect(abs(score.loss - expected.tests[epoch].loss) < 1e-5)
            #expect(abs(score.top1 - expected.tests[epoch].top1) < 1e-4)
            #expect(abs((score.top5 ?? 0) - (expected.tests[epoch].top5 ?? 1)) < 1e-4)
        }
        // Sums in a different order: about 1e-7 per step, for a loss of 1, over 16 steps.
        #expect(losses.count == expected.steps.count)
        #expect(zip(losses, expected.steps).allSatisfy { abs($0 - $1) < 1e-5 })
        for (tensor, name) in [
            (probe.classifier.weight, "final.weight"), (probe.classifier.bias, "final.bias"),
        ] {
            let final = try file.tensor(named: name)
            #expect(tensor.shape == final.shape)
            #expect(zip(tensor.elements, final.elements).allSatisfy { abs($0 - $1) < 1e-5 })
        }
    }

    /// Biases are 0, and weights have a deviation of 0.01.
    @Test func initialWeightsAreNormallyDistributed() {
        var generator = Xoshiro256(seed: 1)
        let probe = LinearProbe(width: 300, classCount: 40, using: &generator)
        #expect(probe.classifier.bias == Tensor(repeating: 0, shape: [40]))
        let weights = probe.classifier.weight.elements.map(Double.init)
        let mean = weights.reduce(0, +) / 12_000
        let variance = weights.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 12_000
        // Standard errors over 12,000 draws: 1e-4 of the mean and 6.5e-5 of the deviation. Five of each.
        #expect(abs(mean) < 5e-4 && abs(variance.squareRoot() - 0.01) < 3.3e-4)
    }

    /// Among equal logits the lowest class ranks first; with four classes there is no top-5 accuracy.
    @Test func scoreMatchesFormula() {
        let classifier = Linear(
            weight: Tensor([1, 1, 0, -1], shape: [4, 1]), bias: Tensor(repeating: 0, shape: [4]))
        let probe = LinearProbe(classifier: classifier)
        let score = probe.score(Tensor([1, 1, 1, -1], shape: [4, 1]), labels: [0, 1, 2, 3])
        let sums = [2 * exp(1.0) + 1 + exp(-1), exp(1.0) + 1 + 2 * exp(-1)]
        let loss = (3 * log(sums[0]) - 2 + log(sums[1]) - 1) / 4
        #expect(score.top1 == 50 && score.top5 == nil && abs(score.loss - loss) < 1e-6)
    }

    @Test func defaultsMatchReference() {
        let options = LinearProbe.Options()
        #expect(options.epochs == 100 && options.batchSize == 128)
        #expect(options.rate(ofEpoch: 0) == 0.0005)
        #expect(abs(options.rate(ofEpoch: 50) - 0.00025) < 1e-12)
        #expect(abs(options.rate(ofEpoch: 99) - 0.0005 * (1 + cos(0.99 * .pi)) / 2) < 1e-15)
    }
}
