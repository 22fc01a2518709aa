import DINO
import ViT

extension Train {
    /// The stored configuration of a run that is resumed, or else the preset's, with the given options
    /// applied.
    ///
    /// - Throws: `Failure` if the given options contradict each other.
    func configuration(
        _ starting: WeightFile?, _ features: FeatureSource?, pictures: Int,
        stored: TrainingConfiguration?
    ) throws -> TrainingConfiguration {
        if stored?.options.distillation != nil && features == nil {
            throw Failure(
                "\(output) holds a run that learns a teacher's features; give the teacher again by"
                    + " --teacher-weights or --teacher-features")
        }
        // When resuming, a given preset is compared with the run's configuration like single options.
        let isBeginning = stored == nil || preset != nil
        var result = TrainingConfiguration(preset: preset ?? .reference)
        if let stored, !isBeginning { result = stored }
        if preset == .auto {
            // These determine the number of steps.
            set(&result.batchSize, schedule.batchSize)
            set(&result.accumulation, schedule.accumulate)
            set(&result.options.epochs, schedule.epochs)
            result.fit(toPictures: pictures)
        }
        if let stored {
            result.options.shares = stored.options.shares
        } else if Processes.all.count > 1 {
            // At least eight, so that up to eight processes can resume the run.
            result.options.shares = max(8, Processes.all.count)
        }
        try apply(to: &result, starting, features, isBeginning: isBeginning)
        if let stored, let preset {
            // If the run could be resumed but for the preset, its many values would hide what to do.
            var own = stored
            try apply(to: &own, starting, features, isBeginning: false)
            let differences = result.differences(from: stored)
            if !differences.isEmpty && own.differences(from: stored).isEmpty {
                throw Failure(
                    "\(output) holds a run with other options than those of --preset \(preset.rawValue)"
                        + " (\(differences[0])\(differences.count > 1 ? " …" : "")); omit --preset to"
                        + " resume with the run's own")
            }
        }
        return result
    }

    private func apply(
        to result: inout TrainingConfiguration, _ starting: WeightFile?,
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
        if isBeginning {
            let normalization = result.options.network.normalization
            result.crops.mean = normalization.mean
            result.crops.standardDeviation = normalization.standardDeviation
        }
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
        set(&options.shares, schedule.shares)
        set(&options.teacherMomentum, teacher.momentumTeacher)
        let temperature = options.loss.teacherTemperature
        options.loss.teacherTemperature = LinearWarmup(
            from: teacher.warmupTeacherTemp ?? temperature.start,
            to: teacher.teacherTemp ?? temperature.end,
            warmupEpochs: teacher.warmupTeacherTempEpochs ?? temperature.warmupEpochs)
        set(&options.loss.centreMomentum, teacher.centerMomentum)
        if isBeginning && start.initWeights != nil {
            options.frozenNetworkEpochs = min(1, Double(options.epochs) / 4)
        }
        set(&options.frozenNetworkEpochs, start.freezeBackbone)
        set(&options.activationMemory, resources.memoryLimit.map { $0 << 20 })
        if isBeginning && schedule.epochs != nil && schedule.warmupEpochs == nil {
            // The preset's warm-up is shortened for a short training.
            options.warmupEpochs = min(options.warmupEpochs, options.epochs / 4)
        }
    }

    private func networkConfiguration(
        _ result: TrainingConfiguration, _ starting: WeightFile?, isBeginning: Bool
    ) throws -> VisionTransformer.Configuration {
        let current = result.options.network
        if isBeginning, let file = starting {
            let found = file.configuration
            if let arch = network.arch, !arch.hasSize(of: found) {
                throw Failure("\(file.path) contains a \(found.name), not --arch \(arch)")
            }
            if let patchSize = network.patchSize, patchSize != found.patchSize {
                throw Failure(
                    "\(file.path) contains a \(found.name), not --patch-size \(patchSize)")
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

/// Assigns a given value; nil leaves the old one.
func set<Value>(_ value: inout Value, _ given: Value?) {
    if let given { value = given }
}

extension [Double] {
    /// The range of two numbers, already checked; nil if none were given.
    var range: ClosedRange<Double>? { count == 2 ? self[0]...self[1] : nil }
}

extension TrainingConfiguration {
    /// The options that depend on the number of pictures, in words.
    var sentenceOfDataSize: String {
        let temperature = options.loss.teacherTemperature
        return "\(options.head.prototypes) outputs, teacher temperature \(temperature.start)"
            + " to \(temperature.end) over \(temperature.warmupEpochs) epochs, teacher momentum"
            + " \(options.teacherMomentum), \(options.warmupEpochs) warm-up epochs, last layer"
            + " frozen for \(options.frozenLastLayerEpochs) epochs, weight decay"
            + " \(options.weightDecay) to \(options.finalWeightDecay)"
    }
}
