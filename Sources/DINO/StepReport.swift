/// What a step of training did, and signs by which a collapse is seen.
public struct StepReport: Sendable, Codable, Hashable {
    /// Counted from 0.
    public var step: Int
    public var epoch: Int
    /// The sum of the objectives' parts, each times its weight.
    public var loss: Double
    /// The parts, without their weights. DINO's is the cross-entropy of student and teacher in nats: one that
    /// rests at `uniformEntropy` says that the student calls all prototypes equally likely. Those of
    /// features are 1 for a student that gives nothing but the mean.
    public var losses: [ObjectiveName: Double]
    public var learningRate: Double
    public var weightDecay: Double
    /// What the teacher kept of itself.
    public var momentum: Double
    public var teacherTemperature: Double
    /// The mean entropy of the teacher's distributions in nats: 0 where it is sure of one prototype; nil
    /// where nothing is asked of prototypes.
    public var teacherEntropy: Double?
    /// The entropy of calling all prototypes equally likely: log(prototypes).
    public var uniformEntropy: Double
    /// How far the embeddings of the step's large crops point in different directions, the teacher's where
    /// prototypes are asked for and else the student's: see `FeatureReadings`.
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
