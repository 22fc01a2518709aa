/// What a training step did, with indicators of a collapse.
public struct StepReport: Sendable, Codable, Hashable {
    /// The step, counted from 0.
    public var step: Int
    /// The epoch, counted from 0.
    public var epoch: Int
    /// The total loss: the weighted sum of the objectives' losses.
    public var loss: Double
    /// The objectives' losses, unweighted. DINO's is the cross-entropy of student and teacher in nats: if it stays
    /// at `uniformEntropy`, the student predicts all prototypes with equal probability. The losses of feature
    /// distillation are 1 for a student that predicts nothing but the mean.
    public var losses: [ObjectiveName: Double]
    /// The learning rate.
    public var learningRate: Double
    /// The weight decay.
    public var weightDecay: Double
    /// The momentum of the teacher's moving average.
    public var momentum: Double
    /// The teacher's temperature.
    public var teacherTemperature: Double
    /// The mean entropy of the teacher's distributions in nats: 0 if each is certain of one prototype; nil if no
    /// objective uses prototypes.
    public var teacherEntropy: Double?
    /// The entropy of the uniform distribution over all prototypes: log(prototypes).
    public var uniformEntropy: Double
    /// How much the embeddings of the step's large crops differ in direction; see `FeatureReadings`. They are the
    /// teacher's if prototypes are used, else the student's.
    public var deviation: Double
    /// The effective rank of the same embeddings: see `FeatureReadings`.
    public var rank: Double
    /// The norm of the whole gradient before clipping.
    public var gradientNorm: Double
}

/// The loss or a gradient was not finite; the step was abandoned and nothing changed.
public struct NonFiniteStep: Error, Hashable, Sendable, CustomStringConvertible {
    /// The quantities that are checked.
    public enum Quantity: String, Sendable, Codable {
        /// The total loss, or the norm of the whole gradient.
        case loss, gradient
    }

    /// The step, counted from 0.
    public var step: Int
    /// The quantity that was not finite.
    public var quantity: Quantity
    /// Its value.
    public var value: Double

    /// The reason, as one sentence.
    public var description: String {
        "training stopped at step \(step): the \(quantity.rawValue) is \(value);"
            + " expected a finite number"
    }
}
