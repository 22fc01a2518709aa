import Tensors
import ViT

extension DINOOptions: Bounded {
    /// The ranges of valid values.
    package enum Bounds {
        /// A hundred times the longest published training (800 epochs).
        package static let epochs = Bound("epochs", 1...100_000)
        /// Up to the longest training.
        package static let warmupEpochs = Bound(
            "warm-up epochs", 0...epochs.range.upperBound)
        package static let frozenEpochs = Bound(
            "frozen epochs", 0...epochs.range.upperBound)
        package static let frozenNetworkEpochs = Bound(
            "frozen epochs of the network", 0...Double(epochs.range.upperBound))
        /// LARS is used with rates in the tens.
        package static let learningRate = Bound("learning rate", 0...1e6)
        package static let weightDecay = Bound("weight decay", 0...1e3)
        /// From no average to a teacher that never changes.
        package static let momentum = Bound("teacher momentum", 0.0...1)
        /// Above the norm of any gradient of a run that still converges.
        package static let gradientClip = Bound("gradient clip", 0...1e9)
        /// Below 1: samples that pass through a branch are scaled by 1 / (1 - rate).
        package static let stochasticDepth = Bound("stochastic depth", 0...0.95)
        /// Up to the pictures of the largest batch.
        package static let shares = Bound("shares of a step", 1...1 << 16)
        /// From a mebibyte to more than any machine has; only what is needed is allocated.
        package static let activationMemory = Bound(
            "memory for activations", 1 << 20...1 << 50)
    }

    /// A message about the first invalid option or combination of options; nil if training can start.
    public var fault: String? {
        let single = firstFault(
            network.fault, head.fault, loss.fault, Bounds.epochs.fault(epochs),
            Bounds.warmupEpochs.fault(warmupEpochs), Bounds.learningRate.fault(learningRate),
            Bounds.learningRate.fault(minimumLearningRate), Bounds.weightDecay.fault(weightDecay),
            Bounds.weightDecay.fault(finalWeightDecay), Bounds.momentum.fault(teacherMomentum),
            Bounds.gradientClip.fault(gradientClip),
            Bounds.frozenEpochs.fault(frozenLastLayerEpochs),
            Bounds.frozenNetworkEpochs.fault(frozenNetworkEpochs),
            Bounds.stochasticDepth.fault(stochasticDepth),
            DistillationOptions.Bounds.weight.fault(objectives.dino),
            DistillationOptions.Bounds.weight.fault(objectives.ibot),
            DistillationOptions.Bounds.weight.fault(objectives.koLeo), distillation?.fault,
            patchHead?.fault, masking.fault, parameterRules.fault,
            Bounds.shares.fault(shares), Bounds.activationMemory.fault(activationMemory))
        if let single { return single }
        if shares & (shares - 1) != 0 { return "\(shares) shares of a step are not a power of two" }
        if !objectives.usePrototypes && distillation == nil {
            return "no training objective is enabled"
        }
        if objectives.ibot > 0 {
            if !network.hasMaskToken { return "masked patches need a network with a mask token" }
            if effectivePatchHead.hasBatchNorm {
                return "masked patches need a head without batch normalisation"
            }
        }
        if let tap = distillation?.taps.first(where: { network.layer($0.layer) == nil }) {
            return "the network has no layer \(tap.layer) to distil features into"
        }
        if frozenNetworkEpochs >= Double(epochs) {
            return "the network is frozen for all of the training's \(epochs) epochs"
        }
        return warmupEpochs <= epochs
            ? nil : "a warm-up of \(warmupEpochs) epochs is longer than the training's \(epochs)"
    }
}

extension DINOLoss.Options: Bounded {
    /// The ranges of valid values.
    package enum Bounds {
        /// Outputs lie in or near -1...1: at the lower limit a softmax is nearly one-hot, at the upper one uniform.
        package static let temperature = Bound("temperature", 1e-4...1e3)
        package static let warmupEpochs = Bound(
            "temperature warm-up epochs", DINOOptions.Bounds.warmupEpochs.range)
        package static let centreMomentum = Bound("centre momentum", 0.0...1)
    }

    /// A message about the first value that is out of bounds; nil if all are valid.
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
    /// The maximum number of running averages that the optimiser keeps per parameter.
    var averages: Int {
        switch self {
        case .adamW, .muon: 2
        case .sgd, .lars: 1
        }
    }
}
