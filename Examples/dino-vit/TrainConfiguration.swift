import DINO
import Foundation
import ViT

extension Train {
    /// The run's own configuration where one goes on, or else the preset's; then what was given.
    ///
    /// - Throws: `Failure` where what was given does not go together.
    func configuration(
        _ starting: OpenedWeights, _ features: FeatureSource?, pictures: Int,
        stored: TrainingConfiguration?
    ) throws -> TrainingConfiguration {
        // Of a run that goes on, a preset is compared like single options.
        let isBeginning = stored == nil || preset != nil
        var result = TrainingConfiguration(preset: preset ?? .reference)
        if let stored, !isBeginning { result = stored }
        if preset == .auto {
            // By these the number of steps goes.
            set(&result.batchSize, schedule.batchSize)
            set(&result.accumulation, schedule.accumulate)
            set(&result.options.epochs, schedule.epochs)
            result.fit(toPictures: pictures)
        }
        try apply(to: &result, starting, features, isBeginning: isBeginning)
        return result
    }

    private func apply(
        to result: inout TrainingConfiguration, _ starting: OpenedWeights,
        _ features: FeatureSource?, isBeginning: Bool
    ) throws {
        set(&result.crops.globalSide, crops.globalCropSize)
        set(&result.crops.localSide, crops.localCropSize)
        set(&result.crops.localCount, crops.localCrops)
        set(&result.crops.globalScale, crops.globalCropsScale.range)
        set(&result.crops.localScale, crops.localCropsScale.range)
        set(&result.crops.blurRadius, crops.blurRadius.range)
        set(&result.batchSize, schedule.batchSize)
        set(&result.accumulation, schedule.accumulate)
        result.options.network = try networkConfiguration(
            result, starting, isBeginning: isBeginning)
        apply(to: &result.options, isBeginning: isBeginning)
        try objectives.apply(to: &result.options, features, isBeginning: isBeginning)
    }

    private func apply(to options: inout DINOOptions, isBeginning: Bool) {
        set(&options.head.prototypes, network.outDim)
        set(&options.head.learnsMagnitude, network.normLastLayer.map { !$0 })
        set(&options.head.hasBatchNorm, network.useBnInHead)
        set(&options.stochasticDepth, network.dropPath)
        set(&options.initialization, network.initialization)
        set(&options.epochs, schedule.epochs)
        set(&options.optimizer, schedule.optimizer)
        set(&options.learningRate, schedule.lr)
        set(&options.minimumLearningRate, schedule.minLr)
        set(&options.warmupEpochs, schedule.warmupEpochs)
        set(&options.weightDecay, schedule.weightDecay)
        set(&options.finalWeightDecay, schedule.weightDecayEnd)
        set(&options.gradientClip, schedule.clipGrad.map { $0 == 0 ? nil : $0 })
        set(&options.frozenLastLayerEpochs, schedule.freezeLastLayer)
        set(&options.parameterRules.layerDecay, schedule.layerDecay)
        set(&options.parameterRules.patchEmbedding, schedule.patchEmbedLr)
        set(&options.seed, schedule.seed)
        set(&options.teacherMomentum, teacher.momentumTeacher)
        let temperature = options.loss.teacherTemperature
        options.loss.teacherTemperature = LinearWarmup(
            from: teacher.warmupTeacherTemp ?? temperature.start,
            to: teacher.teacherTemp ?? temperature.end,
            warmupEpochs: teacher.warmupTeacherTempEpochs ?? temperature.warmupEpochs)
        set(&options.loss.centreMomentum, teacher.centerMomentum)
        if isBeginning && start.initWeights != nil { options.frozenNetworkEpochs = 1 }
        set(&options.frozenNetworkEpochs, start.freezeBackbone)
        set(&options.activationMemory, resources.memoryLimit.map { $0 << 20 })
        if isBeginning && schedule.epochs != nil {
            // Warm-ups of the preset are no longer than a training that was asked to be short.
            if schedule.warmupEpochs == nil {
                options.warmupEpochs = min(options.warmupEpochs, options.epochs / 4)
            }
        }
    }

    private func networkConfiguration(
        _ result: TrainingConfiguration, _ starting: OpenedWeights, isBeginning: Bool
    ) throws -> VisionTransformer.Configuration {
        let current = result.options.network
        if isBeginning, let file = starting.network {
            let found = file.configuration
            if let arch = network.arch, !arch.hasSize(of: found) {
                throw Failure("\(file.path) holds a \(found.name), not --arch \(arch)")
            }
            if let patchSize = network.patchSize, patchSize != found.patchSize {
                throw Failure("\(file.path) holds a \(found.name), not --patch-size \(patchSize)")
            }
            return found
        }
        let patchSize = network.patchSize ?? current.patchSize
        let size = network.arch ?? current
        let isSame = size.hasSize(of: current) && patchSize == current.patchSize
        if !isBeginning && isSame { return current }
        return size.sized(
            patchSize: patchSize, imageSize: max(result.crops.globalSide, patchSize))
    }
}

/// Changes a value where another was given.
func set<Value>(_ value: inout Value, _ given: Value?) {
    if let given { value = given }
}

extension [Double] {
    /// The range of two numbers, which were checked; nil where none were given.
    var range: ClosedRange<Double>? { count == 2 ? self[0]...self[1] : nil }
}

extension TrainingConfiguration {
    /// What goes by the number of pictures.
    var sentenceOfDataSize: String {
        let temperature = options.loss.teacherTemperature
        return "\(options.head.prototypes) outputs, a teacher's temperature of \(temperature.start)"
            + " to \(temperature.end) over \(temperature.warmupEpochs) epochs and a momentum of"
            + " \(options.teacherMomentum), \(options.warmupEpochs) epochs of warm-up, the last layer"
            + " frozen for \(options.frozenLastLayerEpochs), a weight decay of \(options.weightDecay)"
            + " to \(options.finalWeightDecay)"
    }
}
