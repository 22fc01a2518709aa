/// What a step of training did, and signs by which a collapse is seen.
public struct StepReport: Sendable, Codable, Hashable {
    /// Counted from 0.
    public var step: Int
    public var epoch: Int
    /// The cross-entropy of student and teacher in nats. One that rests at `uniformEntropy` says that
    /// the student calls all prototypes equally likely.
    public var loss: Double
    public var learningRate: Double
    public var weightDecay: Double
    /// What the teacher kept of itself; 1 for a fixed teacher.
    public var momentum: Double
    public var teacherTemperature: Double
    /// The mean entropy of the teacher's distributions in nats: 0 where it is sure of one prototype.
    public var teacherEntropy: Double
    /// The entropy of calling all prototypes equally likely: log(prototypes).
    public var uniformEntropy: Double
    /// How far the teacher's embeddings of the step's large crops point in different directions: see
    /// `FeatureReadings`.
    public var deviation: Double
    /// The effective rank of the same embeddings: see `FeatureReadings`.
    public var rank: Double
    /// The length of the whole gradient before any part of it is clipped.
    public var gradientNorm: Double
}

/// Training stopped at a number that is none, before anything was changed.
public struct NonFiniteStep: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Quantity: String, Sendable, Codable {
        case loss, gradient
    }

    /// The step, counted from 0.
    public var step: Int
    public var quantity: Quantity
    public var value: Double

    public var description: String {
        "training stopped at step \(step): the \(quantity.rawValue) is \(value);"
            + " expected a finite number"
    }
}
