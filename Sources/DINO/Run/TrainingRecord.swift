/// What is known of one step of training: a line of `log.jsonl`.
public struct TrainingRecord: Sendable, Hashable, Codable {
    /// Steps taken, this one included: the first has 1.
    public var step: Int
    /// The pass over the pictures, from 1.
    public var epoch: Int
    /// What training lowers: the sum of the objectives' parts, each times its weight.
    public var loss: Double
    /// The parts; none in the logs of the first versions, whose loss is DINO's.
    public var losses: [ObjectiveName: Double] = [:]
    public var learningRate: Double
    public var weightDecay: Double
    /// How much of the teacher stays at each step.
    public var momentum: Double
    public var teacherTemperature: Double
    /// The mean entropy of the teacher's outputs, in nats: from 0 to the logarithm of their number. Not a number
    /// where nothing is asked of prototypes.
    public var teacherEntropy: Double
    /// The effective rank of the teacher's features: see ``FeatureReadings``.
    public var rank: Double
    /// How far the teacher's features point in different directions: see ``FeatureReadings``.
    public var featureDeviation: Double
    /// How much the pixels of a picture differ: see ``FeatureReadings/contrast(of:)``.
    public var contrast: Double
    /// The norm of all gradients together, before they are clipped.
    public var gradientNorm: Double
    /// The time that the step took, loading included.
    public var seconds: Double

    /// How much the student differs from the teacher: the cross-entropy less the teacher's own
    /// entropy (Caron et al. 2021, section 5.3).
    public var divergence: Double { (losses[.dino] ?? loss) - teacherEntropy }

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

    /// - Parameters:
    ///   - contrast: of the step's pictures.
    ///   - seconds: what the step took.
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

    /// Reads a line back; numbers that JSON has no word for, which stand there as null, are NaN.
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

    /// The record as one line of JSON, its keys in the order of the properties.
    package var line: String {
        // What JSON has no number for is null.
        func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }
        let parts = ObjectiveName.allCases.compactMap { name in
            losses[name].map { "\"\(name.rawValue)\":\(number($0))" }
        }
        let fields: [(String, String)] =
            [
                ("step", "\(step)"), ("epoch", "\(epoch)"), ("loss", number(loss)),
            ] + (parts.isEmpty ? [] : [("losses", "{" + parts.joined(separator: ",") + "}")]) + [
                ("learningRate", number(learningRate)), ("weightDecay", number(weightDecay)),
                ("momentum", number(momentum)), ("teacherTemperature", number(teacherTemperature)),
                ("teacherEntropy", number(teacherEntropy)), ("rank", number(rank)),
                ("featureDeviation", number(featureDeviation)),
                ("contrast", number(contrast)), ("gradientNorm", number(gradientNorm)),
                ("seconds", number(seconds)),
            ]
        return "{" + fields.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}\n"
    }
}
