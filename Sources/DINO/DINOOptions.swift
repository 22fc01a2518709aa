import ViT

/// How a network is trained: everything except the pictures and their augmentation.
///
/// The defaults are those of main_dino.py (facebookresearch/dino), which trains on ImageNet; Docs/TrainingRuns.md has
/// presets for small data sets.
public struct DINOOptions: Sendable, Codable, Hashable {
    /// The architecture of the student and of its moving average, the teacher.
    public var network: VisionTransformer.Configuration
    /// How the network is initialised unless weights are given.
    public var initialization = Initialization.plain
    /// The projection head.
    public var head: DINOHead.Options
    /// The head for masked patches; nil if they share the class token's: `ibot.separate_head` of dinov2.
    public var patchHead: DINOHead.Options?
    /// Temperatures and centring of DINO's loss.
    public var loss: DINOLoss.Options
    /// The optimiser.
    public var optimizer: OptimizerKind
    /// Learning rate multipliers, weight decay and clipping by parameter.
    public var parameterRules = ParameterRules()
    /// The weights of the self-distillation objectives.
    public var objectives = ObjectiveWeights()
    /// How patches are masked for iBOT's objective.
    public var masking = PatchMasking()
    /// Distillation of a trained network's features; nil for none.
    public var distillation: DistillationOptions?

    /// Passes over the data set: `--epochs`.
    public var epochs = 100
    /// The peak learning rate for a batch of 256 pictures: `--lr`. It is scaled by the batch size / 256 (Goyal et
    /// al. 2017).
    public var learningRate = OptimizerKind.adamW.usualLearningRate
    /// The final learning rate, which is not scaled: `--min_lr`.
    public var minimumLearningRate = 1e-6
    /// The epochs in which the learning rate grows linearly from 0: `--warmup_epochs`.
    public var warmupEpochs = 10
    /// The initial weight decay: `--weight_decay`.
    public var weightDecay = 0.04
    /// The final weight decay, approached along a cosine: `--weight_decay_end`.
    public var finalWeightDecay = 0.4
    /// The initial momentum of the teacher's moving average, which grows to 1 along a cosine: `--momentum_teacher`.
    public var teacherMomentum = 0.996
    /// The maximum norm of a gradient, beyond which it is scaled down; nil for none: `--clip_grad`.
    public var gradientClip: Double? = 3
    /// The initial epochs in which the heads' last layers are frozen: `--freeze_last_layer`.
    public var frozenLastLayerEpochs = 1
    /// The initial epochs, or part of one, in which only the heads are trained, at the peak learning rate: protects
    /// pretrained weights from the gradients of new heads (Kumar et al. 2022).
    public var frozenNetworkEpochs = 0.0
    /// The probability of skipping a branch of the last block: `--drop_path_rate`.
    public var stochasticDepth = 0.1
    /// The number of shares into which the pictures of a step are divided; a power of two. Each share's gradient is
    /// computed separately, and the gradients are added up in a fixed order: up to this many processes can train
    /// together with the same results.
    public var shares = 1
    /// The seed of the initial parameters and of stochastic depth.
    public var seed: UInt64 = 0
    /// The approximate memory limit in bytes for the activations kept for gradients. If all crops of a step need
    /// more, they are processed in groups, one after the other; the gradients are the same but for rounding.
    public var activationMemory = 3 << 27

    /// Creates options with the defaults of main_dino.py.
    ///
    /// - Parameters:
    ///   - network: the architecture to train.
    ///   - head: the projection head.
    ///   - loss: temperatures and centring.
    ///   - optimizer: the optimiser.
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

/// The weight of each self-distillation objective in the loss. An objective with weight 0 is not computed.
public struct ObjectiveWeights: Sendable, Codable, Hashable {
    /// DINO's objective, on class tokens (Caron et al. 2021).
    public var dino: Double
    /// iBOT's objective, on masked patches (Zhou et al. 2022; 1 in dinov2).
    public var ibot: Double
    /// The KoLeo regulariser, which spreads class tokens apart (Sablayrolles et al. 2019; 0.1 in dinov2).
    public var koLeo: Double

    /// Creates weights; by default only DINO's objective is used.
    public init(dino: Double = 1, ibot: Double = 0, koLeo: Double = 0) {
        self.dino = dino
        self.ibot = ibot
        self.koLeo = koLeo
    }

    /// Whether any objective uses prototypes.
    var usePrototypes: Bool { dino > 0 || ibot > 0 }
}

extension DINOOptions {
    /// Whether the class token's head is needed; masked patches may share it.
    var needsHead: Bool { objectives.dino > 0 || objectives.ibot > 0 && patchHead == nil }

    /// The separate head for masked patches, if one is needed.
    var separatePatchHead: DINOHead.Options? { objectives.ibot > 0 ? patchHead : nil }

    /// The options of the head that masked patches use.
    var effectivePatchHead: DINOHead.Options { patchHead ?? head }

    /// The options of the head whose targets are observed: the class token's, or that of masked patches if it is the only one.
    var targetHead: DINOHead.Options { needsHead ? head : effectivePatchHead }
}

/// Decoding accepts options stored before all fields existed.
extension DINOOptions {
    private enum CodingKeys: String, CodingKey {
        case network, initialization, head, patchHead, masking, loss, optimizer, parameterRules,
            objectives, distillation, epochs,
            learningRate,
            minimumLearningRate, warmupEpochs, weightDecay, finalWeightDecay, teacherMomentum,
            gradientClip, frozenLastLayerEpochs, frozenNetworkEpochs, stochasticDepth, shares,
            seed, activationMemory
    }

    /// Decodes options; fields absent from older checkpoints get their defaults.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func read<Value: Decodable>(_ value: inout Value, _ key: CodingKeys) throws {
            value = try container.decode(Value.self, forKey: key)
        }
        func readIfPresent<Value: Decodable>(_ value: inout Value, _ key: CodingKeys) throws {
            value = try container.decodeIfPresent(Value.self, forKey: key) ?? value
        }
        self.init(
            network: try container.decode(VisionTransformer.Configuration.self, forKey: .network))
        try read(&head, .head)
        try read(&loss, .loss)
        try read(&optimizer, .optimizer)
        try read(&epochs, .epochs)
        try read(&learningRate, .learningRate)
        try read(&minimumLearningRate, .minimumLearningRate)
        try read(&warmupEpochs, .warmupEpochs)
        try read(&weightDecay, .weightDecay)
        try read(&finalWeightDecay, .finalWeightDecay)
        try read(&teacherMomentum, .teacherMomentum)
        gradientClip = try container.decodeIfPresent(Double.self, forKey: .gradientClip)
        try read(&frozenLastLayerEpochs, .frozenLastLayerEpochs)
        try read(&frozenNetworkEpochs, .frozenNetworkEpochs)
        try read(&stochasticDepth, .stochasticDepth)
        try read(&seed, .seed)
        try read(&activationMemory, .activationMemory)
        // Absent from checkpoints of the first versions.
        try readIfPresent(&shares, .shares)
        try readIfPresent(&initialization, .initialization)
        try readIfPresent(&objectives, .objectives)
        try readIfPresent(&parameterRules, .parameterRules)
        try readIfPresent(&masking, .masking)
        patchHead = try container.decodeIfPresent(DINOHead.Options.self, forKey: .patchHead)
        distillation = try container.decodeIfPresent(
            DistillationOptions.self, forKey: .distillation)
    }
}

/// The optimisers (`--optimizer`).
public enum OptimizerKind: String, Sendable, Codable, Hashable, CaseIterable {
    /// AdamW (Loshchilov and Hutter 2019): the choice for transformers.
    case adamW = "adamw"
    /// Stochastic gradient descent with momentum 0.9.
    case sgd
    /// LARS (You et al. 2017): for convolutional networks and large batches.
    case lars
    /// Muon (Jordan et al. 2024) for weight matrices, AdamW for all other parameters. It learns more from each
    /// picture.
    case muon

    /// The usual peak learning rate for 256 pictures per step: main_dino.py's for AdamW and, as it has one default for all,
    /// for SGD and LARS; for Muon that of distillation, by measurement (Docs/Objectives.md).
    public var usualLearningRate: Double { self == .muon ? 0.19 : 0.0005 }
}

/// The quantities that vary during training, derived from `DINOOptions` and the number of steps in an epoch.
public struct DINOSchedule: Sendable, Hashable {
    /// The number of steps in an epoch.
    public let stepsPerEpoch: Int
    /// The learning rate by step.
    public let learningRate: CosineSchedule
    /// The weight decay by step.
    public let weightDecay: CosineSchedule
    /// The momentum of the teacher's moving average, by step.
    public let teacherMomentum: CosineSchedule
    /// The teacher's temperature by epoch.
    public let teacherTemperature: LinearWarmup

    /// Creates the schedule of a training run.
    ///
    /// - Parameters:
    ///   - options: the training's options.
    ///   - batchSize: the pictures of a step, across all its micro-batches.
    ///   - stepsPerEpoch: the number of steps in an epoch.
    /// - Precondition: the warm-up is no longer than the training.
    public init(_ options: DINOOptions, batchSize: Int, stepsPerEpoch: Int) {
        let steps = options.epochs * stepsPerEpoch
        self.stepsPerEpoch = stepsPerEpoch
        learningRate = CosineSchedule(
            from: options.learningRate * Double(batchSize) / 256, to: options.minimumLearningRate,
            steps: steps, warmupSteps: options.warmupEpochs * stepsPerEpoch,
            heldSteps: Int((options.frozenNetworkEpochs * Double(stepsPerEpoch)).rounded()))
        weightDecay = CosineSchedule(
            from: options.weightDecay, to: options.finalWeightDecay, steps: steps)
        teacherMomentum = CosineSchedule(from: options.teacherMomentum, to: 1, steps: steps)
        teacherTemperature = options.loss.teacherTemperature
    }

    /// The number of steps of the training.
    public var steps: Int { learningRate.steps }

    /// The number of initial steps in which only the heads are trained, at the peak rate.
    public var frozenNetworkSteps: Int { learningRate.heldSteps }

    /// The epoch that a step belongs to.
    public func epoch(of step: Int) -> Int { step / stepsPerEpoch }
}
