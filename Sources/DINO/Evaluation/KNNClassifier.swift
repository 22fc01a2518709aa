import Foundation
import Platform
import Tensors

/// Classification by a weighted vote of the nearest training pictures (Wu et al. 2018, section 3.4;
/// `knn_classifier` of eval_knn.py): the k training features of greatest cosine `s` with a picture's
/// vote for their classes, each with the weight `exp(s / temperature)`.
///
/// Everything is deterministic: of equally near neighbours the first counts, of classes with equal
/// votes the first stands in front. A class without a vote is never right, however few there are. (In
/// the reference, which ranks such among a thousand by an unstable sort, they hardly ever are.)
public struct KNNClassifier: Sendable {
    /// Unit rows, `[pictures, width]`.
    private let features: Tensor
    private let labels: [Int]
    private let classCount: Int

    /// The numbers of neighbours for which the reference reports: 10, 20, 100, 200 (eval_knn.py).
    public static let neighbourCounts = [10, 20, 100, 200]

    /// - Parameters:
    ///   - features: of the training pictures, `[pictures, width]`, of any length.
    ///   - labels: the pictures' classes, from 0 up to but not `classCount`.
    /// - Precondition: there is a label for each picture.
    public init(features: Tensor, labels: [Int], classCount: Int) {
        require(
            features.shape.rank == 2 && features.shape[0] == labels.count,
            "KNNClassifier: features \(features.shape) with \(labels.count) labels")
        require(
            labels.allSatisfy { (0..<classCount).contains($0) },
            "KNNClassifier: labels beyond \(classCount) classes")
        self.features = features.normalizedRows()
        self.labels = labels
        self.classCount = classCount
    }

    /// How often the vote of k neighbours is right.
    public struct Accuracy: Hashable, Sendable, Codable {
        /// The neighbours that voted; with fewer training pictures, all of them did.
        public var k: Int
        /// Per cent of the pictures whose class has the most votes.
        public var top1: Double
        /// Per cent whose class is among the first five by votes (among the first k where k is
        /// less, as in eval_knn.py).
        public var top5: Double

        public init(k: Int, top1: Double, top5: Double) {
            self.k = k
            self.top1 = top1
            self.top5 = top5
        }
    }

    /// Classifies pictures and compares with their labels.
    ///
    /// - Parameters:
    ///   - test: their features, `[pictures, width]`, of any length.
    ///   - neighbourCounts: each k, in any order.
    ///   - temperature: 0.07 in eval_knn.py.
    /// - Returns: an accuracy for each k, in the same order.
    /// - Precondition: there is a picture, and a label of `classCount` for each.
    /// - Complexity: O(pictures x training pictures x width) time; memory O(pictures) and, for 200
    ///   neighbours, 3 MiB.
    public func accuracies(
        of test: Tensor, labels testLabels: [Int],
        neighbourCounts: [Int] = KNNClassifier.neighbourCounts, temperature: Double = 0.07
    ) -> [Accuracy] {
        require(
            test.shape.rank == 2 && test.shape[1] == features.shape[1]
                && test.shape[0] == testLabels.count && !testLabels.isEmpty,
            "accuracies: features \(test.shape) with \(testLabels.count) labels,"
                + " trained on \(features.shape)")
        require(
            testLabels.allSatisfy { (0..<classCount).contains($0) },
            "accuracies: labels beyond \(classCount) classes")
        require(
            neighbourCounts.allSatisfy { $0 >= 1 } && temperature > 0,
            "accuracies: neighbours \(neighbourCounts) at temperature \(temperature)")
        let ascending = neighbourCounts.enumerated().sorted { $0.element < $1.element }
        guard let most = ascending.last?.element else { return [] }

        var ranks = [Int32](repeating: 0, count: testLabels.count * neighbourCounts.count)
        ranks.withUnsafeMutableBufferPointer { ranks in
            nonisolated(unsafe) let ranks = ranks
            NeighbourSearch(features, k: most).perform(for: test.normalizedRows()) {
                row, neighbours in
                var votes = [Double](repeating: 0, count: classCount)
                var counted = 0
                for (place, k) in ascending {
                    while counted < min(k, neighbours.count) {
                        // Relative to the nearest, so that no temperature overflows.
                        let nearness =
                            Double(neighbours[counted].similarity)
                            - Double(neighbours[0].similarity)
                        votes[labels[Int(neighbours[counted].index)]] +=
                            exp(nearness / temperature)
                        counted += 1
                    }
                    ranks[row * neighbourCounts.count + place] = Int32(
                        rank(of: testLabels[row], in: votes))
                }
            }
        }
        return neighbourCounts.enumerated().map { place, k in
            func share(below limit: Int) -> Double {
                let right = testLabels.indices.count {
                    ranks[$0 * neighbourCounts.count + place] < limit
                }
                return 100 * Double(right) / Double(testLabels.count)
            }
            return Accuracy(k: k, top1: share(below: 1), top5: share(below: min(5, k)))
        }
    }

    /// How many classes stand in front of one; of one without a vote, all.
    private func rank(of label: Int, in votes: [Double]) -> Int {
        guard votes[label] > 0 else { return Int(Int32.max) }
        return votes.indices.count {
            votes[$0] > votes[label] || votes[$0] == votes[label] && $0 < label
        }
    }
}
