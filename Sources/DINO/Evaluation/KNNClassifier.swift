import Foundation
import Platform
import Tensors

/// Classification by a weighted vote of the nearest training pictures (Wu et al. 2018, section 3.4;
/// `knn_classifier` of eval_knn.py): the k training features with the greatest cosine similarity `s` to a picture's
/// feature vote for their classes with weight `exp(s / temperature)`.
///
/// The result is deterministic: ties among neighbours and among classes are resolved by the lower index. A class
/// without a vote never counts as correct, even if few classes have votes. (In the reference, which ranks such
/// classes among a thousand by an unstable sort, they almost never do.)
public struct KNNClassifier: Sendable {
    /// The normalised training features, `[pictures, width]`.
    private let features: Tensor
    private let labels: [Int]
    private let classCount: Int

    /// The numbers of neighbours that the reference reports: 10, 20, 100, 200 (eval_knn.py).
    public static let neighbourCounts = [10, 20, 100, 200]

    /// Creates a classifier from labelled features.
    ///
    /// - Parameters:
    ///   - features: the features of the training pictures, `[pictures, width]`, not necessarily normalised.
    ///   - labels: the pictures' classes, from 0 to `classCount` - 1.
    ///   - classCount: the number of classes.
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

    /// The accuracy of the vote of k neighbours.
    public struct Accuracy: Hashable, Sendable, Codable {
        /// The number of neighbours; if there are fewer training pictures, all of them vote.
        public var k: Int
        /// The percentage of pictures whose class has the most votes.
        public var top1: Double
        /// The percentage whose class is among the first five by votes (among the first k if k is less, as in
        /// eval_knn.py).
        public var top5: Double

        /// Creates an accuracy from its percentages.
        public init(k: Int, top1: Double, top5: Double) {
            self.k = k
            self.top1 = top1
            self.top5 = top5
        }
    }

    /// Classifies pictures and compares the results with their labels.
    ///
    /// - Parameters:
    ///   - test: the pictures' features, `[pictures, width]`, not necessarily normalised.
    ///   - testLabels: the pictures' classes.
    ///   - neighbourCounts: the values of k, in any order.
    ///   - temperature: the temperature of the votes; 0.07 in eval_knn.py.
    /// - Returns: an accuracy for each k, in the same order.
    /// - Precondition: there is at least one picture, each with a label below `classCount`.
    /// - Complexity: O(pictures x training pictures x width) time; memory O(pictures) and, for 200 neighbours, 3
    ///   MiB.
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
                        // Relative to the nearest, so that no temperature causes an overflow.
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

    /// The number of classes ranked before a class; the maximum for a class without a vote.
    private func rank(of label: Int, in votes: [Double]) -> Int {
        guard votes[label] > 0 else { return Int(Int32.max) }
        return votes.indices.count {
            votes[$0] > votes[label] || votes[$0] == votes[label] && $0 < label
        }
    }
}
