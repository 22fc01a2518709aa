/// Options of self-distillation by the number of pictures, as LightlyTrain chooses them: with fewer pictures fewer
/// prototypes, and a teacher that is sharper and follows faster.
///
/// For ImageNet's 1.28 million pictures they equal the published defaults; at 20,000 and below they differ most.
public struct DataSizeDefaults: Sendable, Hashable {
    /// The number of prototypes.
    public var prototypes: Int
    /// The teacher's temperature after the warm-up.
    public var teacherTemperature: Double
    /// The teacher's temperature at the start.
    public var firstTeacherTemperature: Double
    /// The initial momentum of the teacher's moving average.
    public var teacherMomentum: Double

    /// Chooses options for a number of pictures.
    public init(pictures: Int) {
        let steps = [
            (20_000, 1024), (50_000, 2048), (100_000, 4096), (200_000, 16384), (500_000, 32768),
        ]
        prototypes = steps.first { pictures < $0.0 }?.1 ?? 65536
        // The position between 20,000 and ImageNet's number, from 0 to 1.
        let share = min(max((Double(pictures) - 20_000) / (1_280_000 - 20_000), 0), 1)
        teacherTemperature = 0.02 + 0.05 * share
        firstTeacherTemperature = 0.02 + 0.02 * share
        teacherMomentum = 0.99 + 0.006 * share
    }
}

extension TrainingConfiguration {
    /// Sets the options that depend on the number of pictures: prototypes, temperatures, momentum, warm-ups, and a
    /// constant weight decay. Warm-ups are limited both in steps and as a share of the training: 12,500 steps and a
    /// tenth for the learning rate, 37,500 and three tenths for the temperature; the last layer is frozen for at
    /// most 1,250 steps and a tenth.
    ///
    /// - Precondition: epochs and batch sizes are set.
    public mutating func fit(toPictures pictures: Int) {
        let defaults = DataSizeDefaults(pictures: pictures)
        let stepsPerEpoch = Double(max(1, pictures / picturesPerStep))
        func epochs(ofSteps steps: Double, share: Double) -> Int {
            Int(min(steps / stepsPerEpoch, share * Double(options.epochs)).rounded())
        }
        options.head.prototypes = defaults.prototypes
        options.loss.teacherTemperature = LinearWarmup(
            from: defaults.firstTeacherTemperature, to: defaults.teacherTemperature,
            warmupEpochs: epochs(ofSteps: 37_500, share: 0.3))
        options.teacherMomentum = defaults.teacherMomentum
        options.warmupEpochs = epochs(ofSteps: 12_500, share: 0.1)
        options.frozenLastLayerEpochs = epochs(ofSteps: 1250, share: 0.1)
        options.finalWeightDecay = options.weightDecay
    }
}
