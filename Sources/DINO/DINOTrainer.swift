import Foundation
import Platform
import Tensors
import ViT

/// DINO's training, step by step (`train_one_epoch` of main_dino.py). The value holds the complete state of
/// training.
///
/// A step runs the teacher on the large crops, then the student on all crops, in groups whose activations fit the
/// memory limit of the options; since the loss is a sum over the student's crops, the groups' gradients add up to
/// that of the whole batch. Then gradients are clipped, the optimiser updates the student, and the teacher and the
/// centre follow.
///
/// A step can be divided among several processes, each of which has a part of its pictures: see `communicator` and
/// `DINOOptions.shares`.
///
/// The same seed, pictures and options give the same bits on any number of threads and of processes, even if training
/// is stopped and resumed from its `state`.
public struct DINOTrainer: Sendable {
    /// The training's options.
    public let options: DINOOptions
    /// The quantities that vary with the step.
    public let schedule: DINOSchedule
    /// The network being trained.
    public internal(set) var student: DINONetwork
    /// The exponential moving average of the student.
    public internal(set) var teacher: DINONetwork
    /// The network whose features are distilled; nil without distillation, or if features come with the batches.
    public let featureTeacher: (any Backbone)?
    /// DINO's loss, with the centre of the teacher's outputs for class tokens.
    public internal(set) var loss: DINOLoss
    /// The loss of masked patches, with a centre of its own.
    public internal(set) var patchLoss: DINOLoss
    /// The processes that train together; each has the whole state.
    public let communicator: any Communicator
    /// The number of completed steps, which is the index of the next one.
    public internal(set) var step = 0
    /// Whether all steps of the schedule are done.
    public var isComplete: Bool { step >= schedule.steps }
    /// The standardisation of the distilled features; nil before the first step.
    var standardizations: Standardizations?
    var optimizer: any Optimizer
    /// Whether the parameter of a given name is trained at all.
    let isTrained: @Sendable (String) -> Bool

    /// Starts training.
    ///
    /// - Parameters:
    ///   - options: the training's options.
    ///   - weights: the weights to start from; untrained ones by default.
    ///   - featureTeacher: the network whose features are distilled, if the options name one.
    ///   - batchSize: the pictures of a step, across all its micro-batches and processes; scales the learning rate.
    ///   - stepsPerEpoch: the number of steps in an epoch.
    ///   - communicator: the processes that train together, which divide the options' shares.
    /// - Precondition: the weights fit the options' network, and the feature teacher is the one in the options.
    public init(
        _ options: DINOOptions, startingFrom weights: VisionTransformer? = nil,
        featureTeacher: (any Backbone)? = nil, batchSize: Int, stepsPerEpoch: Int,
        across communicator: any Communicator = Alone()
    ) {
        var generator = Xoshiro256(seed: options.seed)
        self.init(
            options, student: DINONetwork(options, backbone: weights, using: &generator),
            featureTeacher: featureTeacher, batchSize: batchSize, stepsPerEpoch: stepsPerEpoch,
            across: communicator)
    }

    /// Starts training from a network with its heads.
    ///
    /// - Parameters:
    ///   - options: the training's options.
    ///   - student: the network to train, which is also the initial teacher.
    ///   - featureTeacher: the network whose features are distilled, if the options name one.
    ///   - batchSize: the pictures of a step, across all its micro-batches and processes; scales the learning rate.
    ///   - stepsPerEpoch: the number of steps in an epoch.
    ///   - communicator: the processes that train together, which divide the options' shares.
    ///   - optimizer: makes the optimiser, with multipliers of rate and decay as you like; that of the options by default.
    ///   - isTrained: whether the parameter of a given name (`backbone.blocks.0.attn.qkv.weight`) is trained at all; the
    ///     options' frozen epochs apply in addition.
    /// - Precondition: the feature teacher is the one in the options.
    public init(
        _ options: DINOOptions, student: DINONetwork, featureTeacher: (any Backbone)? = nil,
        batchSize: Int, stepsPerEpoch: Int, across communicator: any Communicator = Alone(),
        optimizer: ((DINONetwork) -> any Optimizer)? = nil,
        training isTrained: @escaping @Sendable (String) -> Bool = { _ in true }
    ) {
        if case .network(let fingerprint) = options.distillation?.teacher {
            require(
                featureTeacher?.fingerprint == fingerprint,
                "DINOTrainer: the feature teacher differs from the options'")
        }
        require(
            options.shares % communicator.count == 0,
            "DINOTrainer: \(communicator.count) processes do not divide \(options.shares) shares")
        self.options = options
        self.communicator = communicator
        schedule = DINOSchedule(options, batchSize: batchSize, stepsPerEpoch: stepsPerEpoch)
        var student = student
        student.backbone.restoreWeights()
        self.student = student
        self.featureTeacher = featureTeacher
        teacher = student
        loss = DINOLoss(prototypes: options.head.prototypes, options: options.loss)
        patchLoss = DINOLoss(
            prototypes: options.effectivePatchHead.prototypes, options: options.loss)
        self.optimizer =
            optimizer?(student) ?? options.optimizer.optimizer(for: student, options.parameterRules)
        self.isTrained = isTrained
    }

    /// Performs one step on a batch.
    ///
    /// - Parameter batch: the step's pictures; with several processes this process's part. Parts are of equal size, in
    ///   the order of the processes.
    /// - Returns: what the step did.
    /// - Throws: `NonFiniteStep` if the loss or the gradient is not finite; nothing has changed then.
    public mutating func step(_ batch: MultiCropBatch) throws(NonFiniteStep) -> StepReport {
        try step([batch])
    }

    /// Performs one step on several micro-batches, equal to a step on all of them as one batch.
    ///
    /// - Parameter batches: micro-batches with the same views; with several processes they hold this process's part of
    ///   the step's pictures. Parts are of equal size, in the order of the processes.
    /// - Returns: what the step did.
    /// - Throws: `NonFiniteStep` if the loss or the gradient is not finite; nothing has changed then.
    /// - Precondition: the micro-batches have the same views, and the number of pictures is a multiple of the process's
    ///   shares.
    /// - Complexity: three times the student's arithmetic for all crops and the teacher's for the large ones;
    ///   memory for `options.activationMemory`, the crops, and five times the parameters.
    public mutating func step(_ batches: [MultiCropBatch]) throws(NonFiniteStep) -> StepReport {
        let shares = shares(of: batches)
        let epoch = schedule.epoch(of: step)
        let plan = plan(for: shares)
        let (outcomes, ownGradients) = studentLosses(shares, plan)
        var gradients = ownGradients
        let outcome = StepLosses(outcomes, across: communicator)
        guard outcome.loss.isFinite else {
            throw NonFiniteStep(step: step, quantity: .loss, value: outcome.loss)
        }
        let lengths = gradients.lengths
        let norm = lengths.reduce(0) { $0 + ($1 ?? 0) * ($1 ?? 0) }.squareRoot()
        guard norm.isFinite else {
            throw NonFiniteStep(step: step, quantity: .gradient, value: norm)
        }

        let prototypes = plan.shares.map(\.prototypes)
        let embeddings = zip(prototypes, outcomes).map { $0.embeddings ?? $1.embeddings }
        let readings = FeatureReadings(
            ofShares: embeddings, pictures: shares[0].stepPictures, across: communicator)
        let report = StepReport(
            step: step, epoch: epoch, loss: outcome.loss, losses: outcome.losses,
            learningRate: schedule.learningRate[step], weightDecay: schedule.weightDecay[step],
            momentum: schedule.teacherMomentum[step],
            teacherTemperature: schedule.teacherTemperature[epoch],
            teacherEntropy: DINOLoss.entropy(
                of: prototypes.map { $0.targets ?? $0.patchTargets }, across: communicator),
            uniformEntropy: log(Double(options.targetHead.prototypes)),
            deviation: readings.deviation, rank: readings.rank, gradientNorm: norm)

        if let limit = options.gradientClip {
            gradients.clip(
                to: limit, options.parameterRules.clipping, names: student.parameters.map(\.name))
        }
        optimizer.step(
            &student, by: gradients, rate: report.learningRate, weightDecay: report.weightDecay)
        teacher.moveAverage(towards: student, momentum: report.momentum)
        if options.objectives.dino > 0 {
            loss.moveCentre(by: prototypes.map(\.output), across: communicator)
        }
        if options.objectives.ibot > 0 {
            patchLoss.moveCentre(by: prototypes.map(\.patchOutput), across: communicator)
        }
        standardizations = plan.standardizations
        step += 1
        return report
    }
}

/// The losses of a step over the shares of all ranks.
private struct StepLosses {
    var loss: Double
    var losses: [ObjectiveName: Double]

    init(_ outcomes: [ShareOutcome], across communicator: any Communicator) {
        let names = ObjectiveName.allCases
        // The loss, those of the objectives, and the number of shares that have each of them.
        let sums = communicator.sum(
            outcomes.map { outcome in
                [outcome.loss] + names.map { outcome.losses[$0] ?? 0 }
                    + names.map { outcome.losses[$0] == nil ? 0 : 1 }
            })
        loss = sums[0]
        losses = [:]
        for (index, name) in names.enumerated() where sums[1 + names.count + index] > 0 {
            losses[name] = sums[1 + index]
        }
    }
}

extension OptimizerKind {
    fileprivate func optimizer(
        for network: DINONetwork, _ rules: ParameterRules
    ) -> any Optimizer {
        let depth = network.backbone.configuration.depth
        func scaling(_ name: String, _ parameter: Tensor) -> ParameterScaling {
            rules.scaling(name: name, parameter: parameter, depth: depth)
        }
        return switch self {
        case .adamW: AdamW(for: network, scaling: scaling)
        case .sgd: SGD(for: network, scaling: scaling)
        case .lars: LARS(for: network, scaling: scaling)
        case .muon: Muon(for: network, matrices: ParameterRules.matrices, scaling: scaling)
        }
    }
}
