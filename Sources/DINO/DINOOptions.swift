import Tensors
import ViT

/// How a network is trained: everything but the pictures and their augmentation.
///
/// Defaults are those of main_dino.py (facebookresearch/dino), which trains on ImageNet; Docs/Training.md
/// has presets for small sets of pictures.
public struct DINOOptions: Sendable, Codable, Hashable {
    /// The student, and the teacher unless that is a fixed one.
    public var network: VisionTransformer.Configuration
    /// What the network starts as, unless it is given.
    public var initialization = Initialization.plain
    public var head: DINOHead.Options
    /// The head of masked patches; nil where they share that of the class token: `ibot.separate_head` of dinov2.
    public var patchHead: DINOHead.Options?
    public var loss: DINOLoss.Options
    public var optimizer: OptimizerKind
    public var parameterRules = ParameterRules()
    public var objectives = ObjectiveWeights()
    /// How patches are masked for iBOT's objective.
    public var masking = PatchMasking()
    /// What is learnt from the features of a trained network.
    public var distillation: DistillationOptions?

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

/// By how much each objective of self-distillation counts in the loss; one with 0 is not computed.
public struct ObjectiveWeights: Sendable, Codable, Hashable {
    /// DINO's, of the class token (Caron et al. 2021).
    public var dino: Double
    /// iBOT's, of masked patches (Zhou et al. 2022; 1 in dinov2).
    public var ibot: Double
    /// KoLeo's, which spreads class tokens (Sablayrolles et al. 2019; 0.1 in dinov2).
    public var koLeo: Double

    public init(dino: Double = 1, ibot: Double = 0, koLeo: Double = 0) {
        self.dino = dino
        self.ibot = ibot
        self.koLeo = koLeo
    }

    /// Whether anything is asked of prototypes.
    var needPrototypes: Bool { dino > 0 || ibot > 0 }
}

extension DINOOptions {
    /// Whether there is a head of the class token, which masked patches may share.
    var needsHead: Bool { objectives.dino > 0 || objectives.ibot > 0 && patchHead == nil }

    /// The head of masked patches alone, where there is one.
    var separatePatchHead: DINOHead.Options? { objectives.ibot > 0 ? patchHead : nil }

    /// The head of masked patches.
    var usedPatchHead: DINOHead.Options { patchHead ?? head }
}

/// Options as they were before they had all of their fields.
extension DINOOptions {
    private enum CodingKeys: String, CodingKey {
        case network, initialization, head, patchHead, masking, loss, optimizer, parameterRules,
            objectives, distillation, epochs,
            learningRate,
            minimumLearningRate, warmupEpochs, weightDecay, finalWeightDecay, teacherMomentum,
            gradientClip, frozenLastLayerEpochs, frozenNetworkEpochs, stochasticDepth, seed,
            activationMemory
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func read<Value: Decodable>(_ value: inout Value, _ key: CodingKeys) throws {
            value = try container.decode(Value.self, forKey: key)
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
        // Not in the checkpoints of the first versions.
        initialization =
            try container.decodeIfPresent(Initialization.self, forKey: .initialization) ?? .plain
        objectives =
            try container.decodeIfPresent(ObjectiveWeights.self, forKey: .objectives) ?? .init()
        parameterRules =
            try container.decodeIfPresent(ParameterRules.self, forKey: .parameterRules) ?? .init()
        patchHead = try container.decodeIfPresent(DINOHead.Options.self, forKey: .patchHead)
        masking =
            try container.decodeIfPresent(PatchMasking.self, forKey: .masking) ?? PatchMasking()
        distillation = try container.decodeIfPresent(
            DistillationOptions.self, forKey: .distillation)
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
    /// Jordan et al. 2024: the blocks' weight matrices by Muon, all else by AdamW. It learns more from each picture.
    case muon
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
