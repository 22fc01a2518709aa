/// The record of one training step: a line of `log.jsonl`.
public struct TrainingRecord: Sendable, Hashable, Codable {
    /// The number of steps taken, including this one: the first step has 1.
    public var step: Int
    /// The epoch, counted from 1.
    public var epoch: Int
    /// The total loss: the weighted sum of the objectives' losses.
    public var loss: Double
    /// The objectives' losses, unweighted; empty in logs of the first versions, whose loss is DINO's.
    public var losses: [ObjectiveName: Double] = [:]
    /// The learning rate.
    public var learningRate: Double
    /// The weight decay.
    public var weightDecay: Double
    /// The momentum of the teacher's moving average.
    public var momentum: Double
    /// The teacher's temperature.
    public var teacherTemperature: Double
    /// The mean entropy of the teacher's distributions in nats, from 0 to the logarithm of the number of outputs;
    /// NaN if no objective uses prototypes.
    public var teacherEntropy: Double
    /// The effective rank of the features; see ``FeatureReadings``.
    public var rank: Double
    /// How much the features differ in direction; see ``FeatureReadings``.
    public var featureDeviation: Double
    /// The standard deviation of a picture's pixels; see ``FeatureReadings/contrast(of:)``.
    public var contrast: Double
    /// The norm of the whole gradient before clipping.
    public var gradientNorm: Double
    /// The duration of the step in seconds, including loading.
    public var seconds: Double

    /// The divergence of student and teacher: the cross-entropy minus the teacher's entropy (Caron et al. 2021,
    /// section 5.3).
    public var divergence: Double { dinoLoss - teacherEntropy }

    /// The loss of DINO's objective; NaN without it.
    var dinoLoss: Double { losses[.dino] ?? (losses.isEmpty ? loss : .nan) }

    /// Creates a record without the losses of single objectives.
    public init(
        step: Int, epoch: Int, loss: Double, learningRate: Double, weightDecay: Double,
        momentum: Double, teacherTemperature: Double, teacherEntropy: Double, rank: Double,
        featureDeviation: Double, contrast: Double, gradientNorm: Double, seconds: Double
    ) {
        self.step = step
        self.epoch = epoch
        self.loss = loss
        self.learningRate = learningRate
        self.weightDecay = weightDecay
        self.momentum = momentum
        self.teacherTemperature = teacherTemperature
        self.teacherEntropy = teacherEntropy
        self.rank = rank
        self.featureDeviation = featureDeviation
        self.contrast = contrast
        self.gradientNorm = gradientNorm
        self.seconds = seconds
    }

    /// Creates a record from the report of a step.
    ///
    /// - Parameters:
    ///   - report: the step's report.
    ///   - contrast: the contrast of the step's pictures.
    ///   - seconds: the duration of the step.
    init(_ report: StepReport, contrast: Double, seconds: Double) {
        self.init(
            step: report.step + 1, epoch: report.epoch + 1, loss: report.loss,
            learningRate: report.learningRate, weightDecay: report.weightDecay,
            momentum: report.momentum, teacherTemperature: report.teacherTemperature,
            teacherEntropy: report.teacherEntropy ?? .nan, rank: report.rank,
            featureDeviation: report.deviation, contrast: contrast,
            gradientNorm: report.gradientNorm, seconds: seconds)
        losses = report.losses
    }

    private enum CodingKeys: String, CodingKey {
        case step, epoch, loss, losses, learningRate, weightDecay, momentum, teacherTemperature,
            teacherEntropy, rank, featureDeviation, contrast, gradientNorm, seconds
    }

    /// Decodes a line; numbers that JSON cannot represent, stored as null, become NaN.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func number(_ key: CodingKeys) throws -> Double {
            try values.decode(Double?.self, forKey: key) ?? .nan
        }
        self.init(
            step: try values.decode(Int.self, forKey: .step),
            epoch: try values.decode(Int.self, forKey: .epoch), loss: try number(.loss),
            learningRate: try number(.learningRate), weightDecay: try number(.weightDecay),
            momentum: try number(.momentum), teacherTemperature: try number(.teacherTemperature),
            teacherEntropy: try number(.teacherEntropy), rank: try number(.rank),
            featureDeviation: try number(.featureDeviation), contrast: try number(.contrast),
            gradientNorm: try number(.gradientNorm), seconds: try number(.seconds))
        losses =
            try values.decodeIfPresent([ObjectiveName: Double?].self, forKey: .losses)?
            .mapValues { $0 ?? .nan } ?? [:]
    }

    /// The numbers other than the counters and the single losses, in the order of the properties.
    private var numbers: [(key: CodingKeys, value: Double)] {
        [
            (.loss, loss), (.learningRate, learningRate), (.weightDecay, weightDecay),
            (.momentum, momentum), (.teacherTemperature, teacherTemperature),
            (.teacherEntropy, teacherEntropy), (.rank, rank), (.featureDeviation, featureDeviation),
            (.contrast, contrast), (.gradientNorm, gradientNorm), (.seconds, seconds),
        ]
    }

    /// Encodes the record; numbers that JSON cannot represent become null.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        func finite(_ value: Double) -> Double? { value.isFinite ? value : nil }
        try container.encode(step, forKey: .step)
        try container.encode(epoch, forKey: .epoch)
        for (key, value) in numbers { try container.encode(finite(value), forKey: key) }
        if !losses.isEmpty { try container.encode(losses.mapValues(finite), forKey: .losses) }
    }

    /// The record as one line of JSON, with keys in the order of the properties.
    package var line: String {
        // Numbers that JSON cannot represent become null.
        func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }
        var fields = [(CodingKeys.step, "\(step)"), (.epoch, "\(epoch)")]
        fields += numbers.map { ($0.key, number($0.value)) }
        let parts = ObjectiveName.allCases.compactMap { name in
            losses[name].map { "\"\(name.rawValue)\":\(number($0))" }
        }
        // After the total loss.
        if !parts.isEmpty {
            fields.insert((.losses, "{" + parts.joined(separator: ",") + "}"), at: 3)
        }
        return "{" + fields.map { "\"\($0.rawValue)\":\($1)" }.joined(separator: ",") + "}\n"
    }
}
