import Tensors
import ViT

extension DINOOptions: Bounded {
    package enum Bounds {
        /// A hundred times the longest published training (800 epochs).
        package static let epochs = Bound("epochs", 1...100_000)
        /// Part of a training, or all of it.
        package static let warmupEpochs = Bound(
            "epochs of warm-up", 0...epochs.range.upperBound)
        package static let frozenEpochs = Bound(
            "epochs in which weights stay as they are", 0...epochs.range.upperBound)
        /// LARS is used with rates of some tens.
        package static let learningRate = Bound("learning rate", 0...1e6)
        package static let weightDecay = Bound("weight decay", 0...1e3)
        /// A part of 1, all ends included.
        package static let momentum = Bound("momentum of the teacher", 0.0...1)
        /// More than the length of any gradient with which training goes on.
        package static let gradientClip = Bound("gradient clip", 0...1e9)
        /// What is kept counts 1 / (1 - rate) times.
        package static let stochasticDepth = Bound("stochastic depth", 0...0.95)
        /// From a mebibyte to more than any machine has: a limit, of which no more is taken than there
        /// is to keep.
        package static let activationMemory = Bound(
            "memory for activations", 1 << 20...1 << 50)
    }

    public var fault: String? {
        let single = firstFault(
            network.fault, head.fault, loss.fault, Bounds.epochs.fault(epochs),
            Bounds.warmupEpochs.fault(warmupEpochs), Bounds.learningRate.fault(learningRate),
            Bounds.learningRate.fault(minimumLearningRate), Bounds.weightDecay.fault(weightDecay),
            Bounds.weightDecay.fault(finalWeightDecay), Bounds.momentum.fault(teacherMomentum),
            Bounds.gradientClip.fault(gradientClip),
            Bounds.frozenEpochs.fault(frozenLastLayerEpochs),
            Bounds.frozenEpochs.fault(frozenNetworkEpochs),
            Bounds.stochasticDepth.fault(stochasticDepth),
            DistillationOptions.Bounds.weight.fault(objectives.dino),
            DistillationOptions.Bounds.weight.fault(objectives.ibot),
            DistillationOptions.Bounds.weight.fault(objectives.koLeo), distillation?.fault,
            patchHead?.fault, masking.fault, parameterRules.fault,
            Bounds.activationMemory.fault(activationMemory))
        if let single { return single }
        if !objectives.needPrototypes && distillation == nil { return "nothing is learnt" }
        if objectives.ibot > 0 {
            if !network.hasMaskToken { return "masked patches need a network with a mask token" }
            if usedPatchHead.hasBatchNorm {
                return "batch normalisation in the head does not go with masked patches"
            }
        }
        if let tap = distillation?.taps.first(where: { network.layer($0.layer) == nil }) {
            return "the network has no layer \(tap.layer) that could learn a teacher's features"
        }
        return warmupEpochs <= epochs
            ? nil : "a warm-up of \(warmupEpochs) epochs is longer than the training's \(epochs)"
    }
}

extension DINOLoss.Options: Bounded {
    package enum Bounds {
        /// Outputs lie in -1...1, or near it where magnitudes are learnt: at the least a softmax is a
        /// maximum, at the most it is uniform, both with room to spare.
        package static let temperature = Bound("temperature", 1e-4...1e3)
        package static let warmupEpochs = Bound(
            "epochs of the temperature's warm-up", DINOOptions.Bounds.warmupEpochs.range)
        package static let centreMomentum = Bound("momentum of the centre", 0.0...1)
    }

    public var fault: String? {
        firstFault(
            Bounds.temperature.fault(studentTemperature),
            Bounds.temperature.fault(teacherTemperature.start),
            Bounds.temperature.fault(teacherTemperature.end),
            Bounds.warmupEpochs.fault(teacherTemperature.warmupEpochs),
            Bounds.centreMomentum.fault(centreMomentum))
    }
}

extension OptimizerKind {
    /// The most running averages that it keeps of a parameter.
    var averages: Int {
        switch self {
        case .adamW, .muon: 2
        case .sgd, .lars: 1
        }
    }
}
