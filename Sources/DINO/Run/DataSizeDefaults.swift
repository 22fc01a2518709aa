import Foundation

/// Options of self-distillation by the number of pictures, as LightlyTrain chooses them: fewer pictures take fewer
/// prototypes, a sharper and quicker teacher.
///
/// Published defaults are for ImageNet's 1.28 million pictures, where these are the same; at 20,000 and below they
/// are as far from them as they get.
public struct DataSizeDefaults: Sendable, Hashable {
    /// The head's outputs.
    public var prototypes: Int
    public var teacherTemperature: Double
    /// That at the start.
    public var firstTeacherTemperature: Double
    public var teacherMomentum: Double

    public init(pictures: Int) {
        let steps = [
            (20_000, 1024), (50_000, 2048), (100_000, 4096), (200_000, 16384), (500_000, 32768),
        ]
        prototypes = steps.first { pictures < $0.0 }?.1 ?? 65536
        // Where the number lies between 20,000 and ImageNet's.
        let share = min(max((Double(pictures) - 20_000) / (1_280_000 - 20_000), 0), 1)
        teacherTemperature = 0.02 + 0.05 * share
        firstTeacherTemperature = 0.02 + 0.02 * share
        teacherMomentum = 0.99 + 0.006 * share
    }
}

extension TrainingConfiguration {
    /// Sets what goes by the number of pictures: prototypes, temperatures, momentum, warm-ups, and weight decay,
    /// which is constant. Warm-ups have at most so many steps and so large a part of the training: 12,500 and a
    /// tenth for the rate, 37,500 and three tenths for the temperature; the last layer is frozen for 1,250, at
    /// most a tenth.
    ///
    /// - Precondition: epochs and batches are set.
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
