import Foundation

/// Monitors training and reports when the network stops learning: the kind of collapse, its likely causes and
/// their remedies.
///
/// Self-distillation collapses in two ways, both with student and teacher in agreement: the output is uniform, or
/// dominated by one prototype (Caron et al. 2021, section 5.3: the teacher's entropy goes to ln K or to 0 and the
/// divergence to 0). Before either shows in the outputs, the features of different pictures may have become the
/// same.
public struct CollapseWatch: Sendable {
    /// The kinds of failure.
    public enum Verdict: String, Sendable, Hashable, Codable, CaseIterable {
        /// The loss or the gradient is infinite or not a number.
        case notFinite
        /// The features of all pictures are the same, or collinear.
        case rankOne
        /// Every picture is assigned to the same prototype.
        case entropyAtZero
        /// Every picture is spread evenly over all prototypes.
        case entropyAtLimit
        /// The loss stays at ln K: the student predicts the teacher no better than chance.
        case lossAtLimit
        /// The predicted features are no better than the mean of the teacher's.
        case featuresAtMean
    }

    /// A verdict with its evidence and likely causes.
    public struct Finding: Sendable, Hashable, Codable, CustomStringConvertible {
        /// The kind of failure.
        public var verdict: Verdict
        /// The number of the step at which it was found, from 1.
        public var step: Int
        /// The evidence, as text.
        public var reading: String
        /// The likely causes, most likely first, each with a remedy.
        public var causes: [String]

        /// The step, the evidence and the likely causes.
        public var description: String { "step \(step): \(explanation)" }

        /// The evidence and the likely causes.
        var explanation: String {
            "\(reading); likely because \(causes.joined(separator: "; or because "))"
        }
    }

    /// The options of the training that matter for its verdicts.
    public struct Circumstances: Sendable, Hashable, Codable {
        /// The number of the head's outputs, K; 0 if no objective uses prototypes.
        public var outputs: Int
        /// The number of pictures whose features are compared in a step.
        public var batchSize: Int
        /// The number of pictures in the data set; nil if unknown.
        public var pictures: Int?
        /// The peak learning rate.
        public var learningRate: Double
        /// The reference's peak learning rate for this batch size.
        public var usualLearningRate: Double
        /// The initial momentum of the teacher's moving average.
        public var momentum: Double
        /// The momentum of the centre's running mean; 1 disables centring.
        public var centreMomentum: Double
        /// The teacher's highest temperature.
        public var teacherTemperature: Double

        /// Creates circumstances from their values.
        public init(
            outputs: Int, batchSize: Int, learningRate: Double, usualLearningRate: Double,
            momentum: Double, centreMomentum: Double, teacherTemperature: Double,
            pictures: Int? = nil
        ) {
            self.outputs = outputs
            self.batchSize = batchSize
            self.pictures = pictures
            self.learningRate = learningRate
            self.usualLearningRate = usualLearningRate
            self.momentum = momentum
            self.centreMomentum = centreMomentum
            self.teacherTemperature = teacherTemperature
        }
    }

    /// The options of the training.
    public let circumstances: Circumstances
    /// All findings so far, in order.
    public private(set) var findings: [Finding] = []

    /// Running means of the readings.
    private var mean = Readings()
    /// The number of consecutive steps in which each verdict's condition has held.
    private var streaks: [Verdict: Int] = [:]
    /// The verdicts that have been reported since their conditions began to hold.
    private var reported: Set<Verdict> = []

    /// Creates a watch for a training run.
    public init(_ circumstances: Circumstances) {
        self.circumstances = circumstances
    }

    /// Examines a step. A finding is returned once its condition has held for long enough, and again only after the
    /// condition has ceased to hold; of several at a time, one in each step.
    public mutating func observe(_ record: TrainingRecord) -> Finding? {
        let isFinite = record.loss.isFinite && record.gradientNorm.isFinite
        if isFinite { mean.add(record) }
        for verdict in Verdict.allCases {
            // Nothing else is known in a step whose numbers are not finite.
            guard verdict == .notFinite ? !isFinite : isFinite && holds(verdict) else {
                streaks[verdict] = nil
                reported.remove(verdict)
                continue
            }
            streaks[verdict, default: 0] += 1
        }
        // Identical features explain uniform outputs.
        let hasIdenticalFeatures = streaks[.rankOne, default: 0] > patience(.rankOne)
        let due = Verdict.allCases.first { verdict in
            streaks[verdict, default: 0] >= patience(verdict) && !reported.contains(verdict)
                && !(hasIdenticalFeatures && [.entropyAtLimit, .lossAtLimit].contains(verdict))
        }
        guard let due else { return nil }
        reported.insert(due)
        return note(due, record)
    }

    /// The finding for a step that was abandoned because a number was not finite.
    mutating func finding(_ error: NonFiniteStep, contrast: Double) -> Finding {
        let isLoss = error.quantity == .loss
        return note(
            .notFinite,
            TrainingRecord(
                step: error.step + 1, epoch: 0, loss: isLoss ? error.value : 0, learningRate: 0,
                weightDecay: 0, momentum: 0, teacherTemperature: 0, teacherEntropy: 0, rank: 0,
                featureDeviation: 0, contrast: contrast, gradientNorm: isLoss ? 0 : error.value,
                seconds: 0))
    }

    /// Whether a condition holds for the running means.
    private func holds(_ verdict: Verdict) -> Bool {
        let limit = log(Double(circumstances.outputs))
        switch verdict {
        case .notFinite: return false
        // Untrained networks have a deviation of about 0.5 and a rank above 6 on photos.
        case .rankOne:
            return circumstances.batchSize >= 4 && mean.deviation < 0.1 && mean.rank < 2
        case .entropyAtZero: return mean.entropy < 0.02 * limit && mean.divergence < 0.05 * limit
        // Healthy runs stay some tenths of a nat below the limit, whatever it is.
        case .entropyAtLimit: return mean.entropy > limit - 0.05 && mean.divergence < 0.05
        case .lossAtLimit: return abs(mean.loss - limit) < 0.05
        case .featuresAtMean: return mean.features > 0.99
        }
    }

    /// The number of consecutive steps in which a condition must hold.
    private func patience(_ verdict: Verdict) -> Int {
        switch verdict {
        case .notFinite: 1
        // In feature distillation the target is fixed, so a student may start in this state and recover.
        case .rankOne where circumstances.outputs == 0: 500
        case .rankOne, .entropyAtZero: 20
        case .entropyAtLimit: 60
        // Healthy runs may start here, until the first prototypes separate.
        case .lossAtLimit: 300
        case .featuresAtMean: 1000
        }
    }

    private mutating func note(_ verdict: Verdict, _ record: TrainingRecord) -> Finding {
        let finding = Finding(
            verdict: verdict, step: record.step, reading: reading(verdict, record),
            causes: causes(of: verdict, record))
        findings.append(finding)
        return finding
    }

    /// Running means over about ten steps.
    private struct Readings: Sendable {
        var loss = Double.nan
        var features = Double.nan
        var entropy = Double.nan
        var divergence = Double.nan
        var rank = Double.nan
        var deviation = Double.nan

        mutating func add(_ record: TrainingRecord) {
            // A reading that could not be taken leaves its mean as it is; without any the mean is NaN, and no condition
            // on it holds.
            func add(_ value: Double, to mean: inout Double) {
                if value.isFinite { mean = mean.isNaN ? value : mean + 0.1 * (value - mean) }
            }
            add(record.dinoLoss, to: &loss)
            add(record.losses[.patches] ?? 0, to: &features)
            add(record.teacherEntropy, to: &entropy)
            add(record.divergence, to: &divergence)
            add(record.rank, to: &rank)
            add(record.featureDeviation, to: &deviation)
        }
    }
}

extension CollapseWatch.Circumstances {
    /// Derives circumstances from a configuration.
    ///
    /// - Parameters:
    ///   - configuration: the training's configuration.
    ///   - pictures: the number of pictures in the data set; nil if unknown.
    public init(_ configuration: TrainingConfiguration, pictures: Int? = nil) {
        let options = configuration.options
        let scale = Double(configuration.picturesPerStep) / 256
        self.init(
            outputs: options.objectives.usePrototypes
                ? options.targetHead.prototypes : 0,
            batchSize: configuration.picturesPerStep,
            learningRate: options.learningRate * scale,
            usualLearningRate: options.optimizer.usualLearningRate * scale,
            momentum: options.teacherMomentum,
            centreMomentum: options.loss.centreMomentum,
            teacherTemperature: max(
                options.loss.teacherTemperature.start, options.loss.teacherTemperature.end),
            pictures: pictures)
    }
}
