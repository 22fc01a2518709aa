import Foundation
import Platform
import Tensors

/// A linear classifier trained on the features of a frozen network by gradient descent (eval_linear.py): softmax
/// cross-entropy, momentum 0.9, no weight decay, and a learning rate that decreases from epoch to epoch along a
/// cosine.
public struct LinearProbe: Sendable {
    /// How the classifier is trained. The defaults are eval_linear.py's.
    public struct Options: Hashable, Sendable, Codable {
        /// The number of epochs.
        public var epochs = 100
        /// The learning rate of the first epoch for a batch of 256; it is scaled with the batch size.
        public var learningRate = 0.001
        /// The number of pictures in a batch.
        public var batchSize = 128

        /// Creates the options of eval_linear.py.
        public init() {}

        /// The learning rate of an epoch: `learningRate * batchSize / 256 * (1 + cos(π * epoch / epochs)) / 2`
        /// (`CosineAnnealingLR` to 0).
        public func rate(ofEpoch epoch: Int) -> Double {
            let past = Double(epoch) / Double(epochs)
            return learningRate * Double(batchSize) / 256 * (1 + cos(.pi * past)) / 2
        }
    }

    /// The quality of a classification.
    public struct Score: Hashable, Sendable, Codable {
        /// The mean cross-entropy.
        public var loss: Double
        /// The percentage of pictures whose class has the highest logit.
        public var top1: Double
        /// The percentage whose class is among the first five; nil if there are fewer than five classes.
        public var top5: Double?
    }

    /// The classifier: weight `[classes, width]`.
    public private(set) var classifier: Linear
    private var optimizer: SGD
    private var gradients: Gradients

    /// Creates an untrained probe, with weights that are normal with standard deviation 0.01 and biases 0
    /// (`LinearClassifier` of eval_linear.py).
    ///
    /// - Parameters:
    ///   - width: the number of channels of a feature.
    ///   - classCount: the number of classes.
    ///   - generator: the source of random numbers.
    public init(
        width: Int, classCount: Int, using generator: inout some RandomNumberGenerator
    ) {
        let weights = (0..<classCount * width).map { _ in Float(0.01 * generator.nextNormal()) }
        self.init(
            classifier: Linear(
                weight: Tensor(weights, shape: [classCount, width]),
                bias: Tensor(repeating: 0, shape: [classCount])))
    }

    /// Creates a probe that starts from the given classifier.
    public init(classifier: Linear) {
        self.classifier = classifier
        optimizer = SGD(for: classifier)
        gradients = Gradients(of: classifier)
    }

    private var classCount: Int { classifier.weight.shape[0] }

    /// Performs one step of gradient descent on the mean loss of a batch.
    ///
    /// - Parameters:
    ///   - features: `[pictures, width]`.
    ///   - labels: the class of each picture.
    ///   - rate: the learning rate.
    /// - Returns: the mean loss before the step.
    /// - Complexity: O(pictures x width x classes).
    public mutating func step(_ features: Tensor, labels: [Int], rate: Double) -> Double {
        let targets = targets(labels, of: features)
        gradients.removeAll()
        let loss = valueWithGradient(at: classifier, addingTo: &gradients) { classifier in
            classifier(features).crossEntropy(softTargets: targets, temperature: 1)
        }
        optimizer.step(&classifier, by: gradients, rate: rate, weightDecay: 0)
        return Double(loss[])
    }

    /// One-hot rows divided by the number of pictures, so that the loss is a mean.
    private func targets(_ labels: [Int], of features: Tensor) -> Tensor {
        require(
            features.shape.rank == 2 && features.shape[0] == labels.count && !labels.isEmpty
                && labels.allSatisfy { (0..<classCount).contains($0) },
            "LinearProbe: features \(features.shape) with \(labels.count) labels of \(classCount)")
        var targets = Tensor(repeating: 0, shape: [labels.count, classCount])
        targets.withUnsafeMutableElements { targets in
            for (row, label) in labels.enumerated() {
                targets[row * classCount + label] = 1 / Float(labels.count)
            }
        }
        return targets
    }

    /// Classifies pictures and compares the results with their labels.
    ///
    /// - Parameters:
    ///   - features: `[pictures, width]`.
    ///   - labels: the class of each picture.
    /// - Complexity: O(pictures x width x classes) time; memory for the logits of 1024 pictures.
    public func score(_ features: Tensor, labels: [Int]) -> Score {
        var loss = 0.0
        var right = (top1: 0, top5: 0)
        for start in stride(from: 0, to: labels.count, by: 1024) {
            let block = start..<min(start + 1024, labels.count)
            let rows = features.rows(block)
            let logits = classifier(rows)
            let targets = targets(Array(labels[block]), of: rows)
            let mean = logits.crossEntropy(softTargets: targets, temperature: 1)
            loss += Double(mean[]) * Double(block.count) / Double(labels.count)
            logits.withUnsafeElements { logits in
                for (row, label) in labels[block].enumerated() {
                    let logits = logits[row * classCount..<(row + 1) * classCount]
                    let own = logits[logits.startIndex + label]
                    let before = logits.indices.count {
                        logits[$0] > own
                            || logits[$0] == own && $0 < logits.startIndex + label
                    }
                    right.top1 += before < 1 ? 1 : 0
                    right.top5 += before < 5 ? 1 : 0
                }
            }
        }
        func share(_ right: Int) -> Double { 100 * Double(right) / Double(labels.count) }
        return Score(
            loss: loss, top1: share(right.top1), top5: classCount < 5 ? nil : share(right.top5))
    }
}
