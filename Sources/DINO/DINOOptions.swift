import Tensors
import ViT

/// How a network is trained: everything but the pictures and their augmentation.
///
/// Defaults are those of main_dino.py (facebookresearch/dino), which trains on ImageNet; Docs/Training.md
/// has presets for small sets of pictures.
public struct DINOOptions: Sendable, Codable, Hashable {
    /// The student, and the teacher unless that is a fixed one.
    public var network: VisionTransformer.Configuration
    public var head: DINOHead.Options
    public var loss: DINOLoss.Options
    public var optimizer: OptimizerKind

    /// Passes over the set of pictures: `--epochs`.
    public var epochs = 100
    /// The highest learning rate for 256 pictures a step: `--lr`. The rate used is this times the
    /// pictures of a step / 256 (Goyal et al. 2017).
    public var learningRate = 0.0005
    /// The learning rate at the end, not scaled: `--min_lr`.
    public var minimumLearningRate = 1e-6
    /// The epochs in which the rate grows from 0: `--warmup_epochs`.
    public var warmupEpochs = 10
    /// At the start and, along a cosine, at the end: `--weight_decay`, `--weight_decay_end`.
    public var weightDecay = 0.04
    public var finalWeightDecay = 0.4
    /// What the teacher keeps of itself at a step, growing to 1 along a cosine: `--momentum_teacher`.
    public var teacherMomentum = 0.996
    /// The longest gradient that a parameter may have; `nil` for any: `--clip_grad`.
    public var gradientClip: Double? = 3
    /// The epochs at the start in which the head's last layer stays as it is: `--freeze_last_layer`.
    public var frozenLastLayerEpochs = 1
    /// The epochs at the start in which the network stays as it is and only the head learns: for
    /// weights that have been trained, which a new head's first gradients would spoil.
    public var frozenNetworkEpochs = 0
    /// How often the last block's branches are left out: `--drop_path_rate`.
    public var stochasticDepth = 0.1
    /// From which stochastic depth is drawn.
    public var seed: UInt64 = 0
    /// About how many bytes the values that are kept for gradients may take. Where all crops of a step
    /// need more, they are taken in groups, one after the other; the gradients are the same but for
    /// rounding.
    public var activationMemory = 3 << 27

    public init(
        network: VisionTransformer.Configuration, head: DINOHead.Options = .init(),
        loss: DINOLoss.Options = .init(), optimizer: OptimizerKind = .adamW
    ) {
        self.network = network
        self.head = head
        self.loss = loss
        self.optimizer = optimizer
    }
}

/// Which optimiser takes the steps (`--optimizer`).
public enum OptimizerKind: String, Sendable, Codable, Hashable, CaseIterable {
    /// Loshchilov and Hutter 2019: the one to use with transformers.
    case adamW = "adamw"
    /// With momentum 0.9.
    case sgd
    /// You et al. 2017: for convolutional networks and large batches.
    case lars
}

/// What changes from step to step, by `DINOOptions` and the number of steps in an epoch.
public struct DINOSchedule: Sendable, Hashable {
    public let stepsPerEpoch: Int
    public let learningRate: CosineSchedule
    public let weightDecay: CosineSchedule
    public let teacherMomentum: CosineSchedule
    public let teacherTemperature: LinearWarmup

    /// - Parameter batchSize: the pictures of a step, those of all its micro-batches.
    /// - Precondition: the warm-up is no longer than the training.
    public init(_ options: DINOOptions, batchSize: Int, stepsPerEpoch: Int) {
        let steps = options.epochs * stepsPerEpoch
        self.stepsPerEpoch = stepsPerEpoch
        learningRate = CosineSchedule(
            from: options.learningRate * Double(batchSize) / 256, to: options.minimumLearningRate,
            steps: steps, warmupSteps: options.warmupEpochs * stepsPerEpoch)
        weightDecay = CosineSchedule(
            from: options.weightDecay, to: options.finalWeightDecay, steps: steps)
        teacherMomentum = CosineSchedule(from: options.teacherMomentum, to: 1, steps: steps)
        teacherTemperature = options.loss.teacherTemperature
    }

    /// The steps of the whole training.
    public var steps: Int { learningRate.steps }

    /// The epoch that a step belongs to.
    public func epoch(of step: Int) -> Int { step / stepsPerEpoch }
}
