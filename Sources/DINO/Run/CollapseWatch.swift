import Foundation

/// Reads along while a network trains, and says when it learns nothing, what kind of collapse it is,
/// the likely causes and what to change.
///
/// Self-distillation collapses in two ways, both with student and teacher in agreement: all outputs
/// uniform, or all on one prototype (Caron et al. 2021, section 5.3: the teacher's entropy goes to
/// ln K or to 0 and the divergence to 0). Before either shows in the outputs, the features of
/// different pictures may have become the same.
public struct CollapseWatch: Sendable {
    /// What went wrong.
    public enum Verdict: String, Sendable, Hashable, Codable, CaseIterable {
        /// A loss or gradient that is infinite or not a number.
        case notFinite
        /// The features of all pictures are the same, or lie on one line.
        case rankOne
        /// Every picture is given to the same single prototype.
        case entropyAtZero
        /// Every picture is given to all prototypes alike.
        case entropyAtLimit
        /// The loss stays at ln K: the student predicts the teacher no better than by chance.
        case lossAtLimit
        /// What is learnt of a teacher's features stays at what their mean would give.
        case featuresAtMean
    }

    /// A verdict with what it rests on.
    public struct Finding: Sendable, Hashable, Codable, CustomStringConvertible {
        public var verdict: Verdict
        public var step: Int
        /// What was read, in words and figures.
        public var reading: String
        /// The likely causes, the likeliest first, each with what to change.
        public var causes: [String]

        public var description: String { "step \(step): \(explanation)" }

        /// What was read, and why that may be.
        var explanation: String {
            "\(reading); likely because \(causes.joined(separator: "; or because "))"
        }
    }

    /// What the watch knows of the training.
    public struct Circumstances: Sendable, Hashable, Codable {
        /// The head's outputs, K; 0 where nothing is asked of prototypes.
        public var outputs: Int
        /// Pictures whose features are read together.
        public var batchSize: Int
        /// Pictures to train on; nil where it is not known.
        public var pictures: Int?
        /// The highest learning rate, and the reference's for this batch.
        public var learningRate: Double
        public var usualLearningRate: Double
        /// How much of the teacher stays at each step, at the beginning.
        public var momentum: Double
        /// How much of the centre stays at each step; 1 where nothing is centred.
        public var centreMomentum: Double
        /// The highest temperature of the teacher.
        public var teacherTemperature: Double

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

    public let circumstances: Circumstances
    /// Everything found so far, in order.
    public private(set) var findings: [Finding] = []

    /// Running means of the readings.
    private var mean = Readings()
    /// For how many steps in a row each verdict's condition has held.
    private var streaks: [Verdict: Int] = [:]

    public init(_ circumstances: Circumstances) {
        self.circumstances = circumstances
    }

    /// Reads a step. Gives a finding once when its condition has held for long enough, and again
    /// only after it has passed.
    public mutating func observe(_ record: TrainingRecord) -> Finding? {
        guard record.loss.isFinite && record.gradientNorm.isFinite else {
            return note(.notFinite, record)
        }
        mean.add(record)
        var found: Finding?
        for verdict in Verdict.allCases where verdict != .notFinite {
            guard holds(verdict) else {
                streaks[verdict] = nil
                continue
            }
            streaks[verdict, default: 0] += 1
            // Features that are all the same explain outputs that are alike.
            let isExplained =
                streaks[.rankOne, default: 0] > patience(.rankOne)
                && (verdict == .entropyAtLimit || verdict == .lossAtLimit)
            if streaks[verdict] == patience(verdict), found == nil, !isExplained {
                found = note(verdict, record)
            }
        }
        return found
    }

    /// The finding about a step that was not taken because a number was not finite.
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
        // Sound runs stay some tenths of a nat below the limit, whatever it is.
        case .entropyAtLimit: return mean.entropy > limit - 0.05 && mean.divergence < 0.05
        case .lossAtLimit: return abs(mean.loss - limit) < 0.05
        case .featuresAtMean: return mean.features > 0.99
        }
    }

    /// For how many steps a condition must hold.
    private func patience(_ verdict: Verdict) -> Int {
        switch verdict {
        case .notFinite: 1
        // A student of features does not follow itself: it may begin there.
        case .rankOne where circumstances.outputs == 0: 500
        case .rankOne, .entropyAtZero: 20
        case .entropyAtLimit: 60
        // Sound runs may begin there, until the first prototypes come apart.
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
        var loss = 0.0
        var features = 0.0
        var entropy = 0.0
        var divergence = 0.0
        var rank = 0.0
        var deviation = 0.0
        private var isEmpty = true

        mutating func add(_ record: TrainingRecord) {
            let weight = isEmpty ? 1 : 0.1
            isEmpty = false
            let dino = record.losses[.dino] ?? (record.losses.isEmpty ? record.loss : .nan)
            loss += weight * (dino - loss)
            features += weight * ((record.losses[.patches] ?? 0) - features)
            entropy += weight * (record.teacherEntropy - entropy)
            divergence += weight * (record.divergence - divergence)
            rank += weight * (record.rank - rank)
            deviation += weight * (record.featureDeviation - deviation)
        }
    }
}

extension CollapseWatch.Circumstances {
    public init(_ configuration: TrainingConfiguration, pictures: Int? = nil) {
        let options = configuration.options
        let scale = Double(configuration.picturesPerStep) / 256
        self.init(
            outputs: options.objectives.needPrototypes ? options.head.prototypes : 0,
            batchSize: configuration.picturesPerStep,
            learningRate: options.learningRate * scale,
            usualLearningRate: DINOOptions(network: options.network).learningRate * scale,
            momentum: options.teacherMomentum,
            centreMomentum: options.loss.centreMomentum,
            teacherTemperature: max(
                options.loss.teacherTemperature.start, options.loss.teacherTemperature.end),
            pictures: pictures)
    }
}
