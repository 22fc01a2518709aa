import DINO
import Foundation
import Tensors
import Testing

@Suite struct KNNClassifierTests {
    struct Case: Decodable {
        var classes: Int
        var results: [KNNClassifier.Accuracy]
    }

    /// Against eval_knn.py.
    @Test(arguments: 0..<4)
    func accuraciesMatchReference(index: Int) throws {
        let cases = try JSONDecoder().decode(
            [Case].self,
            from: Data(contentsOf: URL(filePath: EvaluationFixtures.path("neighbours.json"))))
        let expected = cases[index]
        let file = try EvaluationFixtures.tensors("neighbours.safetensors")
        func tensor(_ name: String) throws -> Tensor { try file.tensor(named: "\(index).\(name)") }
        func labels(_ name: String) throws -> [Int] { try tensor(name).elements.map(Int.init) }
        let classifier = KNNClassifier(
            features: try tensor("train"), labels: try labels("train.labels"),
            classCount: expected.classes)
        // Descending: the results keep the requested order.
        let counts = Array(expected.results.map(\.k).reversed())
        let found = classifier.accuracies(
            of: try tensor("test"), labels: try labels("test.labels"), neighbourCounts: counts)
        #expect(found.map(\.k) == counts)
        for (found, expected) in zip(found, expected.results.reversed()) {
            // The same counts: the vote sums' different precision changes no picture's rank.
            #expect(abs(found.top1 - expected.top1) < 1e-9, "k \(found.k)")
            #expect(abs(found.top5 - expected.top5) < 1e-9, "k \(found.k)")
        }
    }

    /// The numbers of correct pictures by a naive search, which stores and sorts all similarities.
    private func naiveCounts(
        _ train: Tensor, _ labels: [Int], _ test: Tensor, _ testLabels: [Int], classes: Int, k: Int,
        temperature: Double
    ) -> (top1: Int, top5: Int) {
        func unit(_ matrix: Tensor) -> [[Double]] {
            (0..<matrix.shape[0]).map { row in
                let values = matrix.rows(row..<row + 1).elements.map(Double.init)
                let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
                return values.map { $0 / length }
            }
        }
        let rows = unit(train)
        var correct = (top1: 0, top5: 0)
        for (picture, label) in zip(unit(test), testLabels) {
            let cosines = rows.map { zip($0, picture).reduce(0) { $0 + $1.0 * $1.1 } }
            let nearest = cosines.indices.sorted { cosines[$0] > cosines[$1] }.prefix(k)
            var votes: [Int: Double] = [:]
            for index in nearest {
                votes[labels[index], default: 0] += exp(cosines[index] / temperature)
            }
            let ranking = votes.sorted { $0.value > $1.value }.map(\.key)
            correct.top1 += ranking.prefix(1).contains(label) ? 1 : 0
            correct.top5 += ranking.prefix(min(5, k)).contains(label) ? 1 : 0
        }
        return correct
    }

    /// More pictures than are searched for at a time, more training pictures than one product covers, and candidate
    /// lists that are truncated many times.
    @Test func blockedSearchMatchesNaiveSearch() {
        let (train, test) = (2501, 300)
        let classes = 7
        let features = normalNoise([train, 5], seed: 1)
        let testFeatures = normalNoise([test, 5], seed: 2)
        var generator = Xoshiro256(seed: 3)
        let labels = (0..<train).map { _ in generator.nextIndex(below: classes) }
        let testLabels = (0..<test).map { _ in generator.nextIndex(below: classes) }
        let classifier = KNNClassifier(features: features, labels: labels, classCount: classes)
        for temperature in [0.07, 0.5] {
            let found = classifier.accuracies(
                of: testFeatures, labels: testLabels, neighbourCounts: [1, 4, 33, 700],
                temperature: temperature)
            for accuracy in found {
                let expected = naiveCounts(
                    features, labels, testFeatures, testLabels, classes: classes, k: accuracy.k,
                    temperature: temperature)
                #expect(abs(accuracy.top1 * 3 - Double(expected.top1)) < 1e-9)
                #expect(abs(accuracy.top5 * 3 - Double(expected.top5)) < 1e-9)
            }
        }
    }

    /// Copies of one picture under several labels: the first k vote, and the lowest class wins a tie.
    @Test func tiesGoToLowestIndex() {
        let ones = Tensor(repeating: 1, shape: [100, 3])
        let labels = (0..<100).map { 9 - $0 / 10 }
        let classifier = KNNClassifier(features: ones, labels: labels, classCount: 10)
        let test = Tensor(repeating: 2, shape: [10, 3])
        let found = classifier.accuracies(
            of: test, labels: Array(0..<10), neighbourCounts: [10, 20, 70, 200])
        // The first 10 copies are of class 9; of the first 20 half are of class 8, which precedes 9; and so on.
        #expect(found.map(\.top1) == [10, 10, 10, 10])
        #expect(found.map(\.top5) == [10, 20, 50, 50])
        for (k, winner) in [(10, 9), (20, 8), (70, 3), (200, 0)] {
            let alone = classifier.accuracies(
                of: ones.rows(0..<1), labels: [winner], neighbourCounts: [k])
            #expect(alone[0].top1 == 100, "\(k)")
        }
    }

    /// At a low temperature, where weights of e^1000 would overflow, the nearest neighbour decides.
    @Test func lowTemperaturesDoNotOverflow() {
        let train = Tensor([1, 0, 0.9, 0.1, 0.9, 0.1], shape: [3, 2])
        let classifier = KNNClassifier(features: train, labels: [1, 0, 0], classCount: 2)
        let test = Tensor([1, 0], shape: [1, 2])
        let sharp = classifier.accuracies(
            of: test, labels: [1], neighbourCounts: [3], temperature: 1e-3)
        #expect(sharp == [.init(k: 3, top1: 100, top5: 100)])
        let blunt = classifier.accuracies(
            of: test, labels: [1], neighbourCounts: [3], temperature: 1)
        #expect(blunt == [.init(k: 3, top1: 0, top5: 100)])
        // A zero feature is equally similar to every neighbour.
        let zero = classifier.accuracies(
            of: Tensor(repeating: 0, shape: [1, 2]), labels: [0], neighbourCounts: [1])
        #expect(zero[0].top1 == 0)
    }
}
