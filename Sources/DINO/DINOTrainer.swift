import Foundation
import Platform
import Tensors
import ViT

/// DINO's training, step by step: a value that holds all there is to it (`train_one_epoch` of
/// main_dino.py).
///
/// A step runs the teacher on the large crops, then the student on all crops, in groups whose values
/// for the gradient fit the memory that the options give; since the loss is a sum over the student's
/// crops, the groups' gradients add up to that of the whole. Then each parameter's gradient is
/// clipped, the optimiser steps, and the teacher and the centre follow.
///
/// The same seed, pictures and options give the same bits on any number of threads, and so does a
/// training that was stopped and taken up from its `state`.
public struct DINOTrainer: Sendable {
    public let options: DINOOptions
    public let schedule: DINOSchedule
    public internal(set) var student: DINONetwork
    /// The student's moving average.
    public internal(set) var teacher: DINONetwork
    /// The network whose features are learnt; nil where none are, or where they come with the batches.
    public let featureTeacher: (any Backbone)?
    public internal(set) var loss: DINOLoss
    /// What the teacher says of masked patches, and their own centre.
    public internal(set) var patchLoss: DINOLoss
    /// Steps done: the number of the next.
    public internal(set) var step = 0
    /// Of the features that are learnt, so far; nil before the first step.
    var standardizations: Standardizations?
    var optimizer: any Optimizer

    /// Starts a training.
    ///
    /// - Parameters:
    ///   - weights: those that the network starts from; untrained ones unless given.
    ///   - featureTeacher: the network whose features are learnt, where the options ask for one.
    ///   - batchSize: the pictures of a step, those of all its micro-batches: the learning rate goes by
    ///     it.
    /// - Precondition: the weights are of the options' network, the feature teacher is that of the options.
    public init(
        _ options: DINOOptions, startingFrom weights: VisionTransformer? = nil,
        featureTeacher: (any Backbone)? = nil, batchSize: Int, stepsPerEpoch: Int
    ) {
        var generator = Xoshiro256(seed: options.seed)
        self.init(
            options, student: DINONetwork(options, backbone: weights, using: &generator),
            featureTeacher: featureTeacher, batchSize: batchSize, stepsPerEpoch: stepsPerEpoch)
    }

    /// Starts a training from a network with its heads.
    public init(
        _ options: DINOOptions, student: DINONetwork, featureTeacher: (any Backbone)? = nil,
        batchSize: Int, stepsPerEpoch: Int
    ) {
        if case .network(let fingerprint) = options.distillation?.teacher {
            require(
                featureTeacher?.fingerprint == fingerprint,
                "DINOTrainer: the options' feature teacher is another one")
        }
        self.options = options
        schedule = DINOSchedule(options, batchSize: batchSize, stepsPerEpoch: stepsPerEpoch)
        self.student = student
        self.featureTeacher = featureTeacher
        teacher = student
        loss = DINOLoss(prototypes: options.head.prototypes, options: options.loss)
        patchLoss = DINOLoss(prototypes: options.usedPatchHead.prototypes, options: options.loss)
        optimizer = options.optimizer.optimizer(for: student, options.parameterRules)
    }

    /// One step on the pictures of a batch.
    public mutating func step(_ batch: MultiCropBatch) throws(NonFiniteStep) -> StepReport {
        try step([batch])
    }

    /// One step on the pictures of several micro-batches, equal to a step on all as one batch.
    ///
    /// - Throws: `NonFiniteStep` where the loss or the gradient is not finite; nothing has been changed
    ///   then.
    /// - Precondition: the micro-batches have the same views.
    /// - Complexity: three times the student's arithmetic for all crops and the teacher's for the large
    ///   ones; memory for `options.activationMemory`, the crops, and five times the parameters.
    public mutating func step(_ batches: [MultiCropBatch]) throws(NonFiniteStep) -> StepReport {
        let crops = StepCrops(batches)
        let epoch = schedule.epoch(of: step)
        let plan = plan(for: crops)
        var gradients = Gradients(of: student)
        let learnt = learn(crops, plan.objectives, gradients: &gradients)
        guard learnt.loss.isFinite else {
            throw NonFiniteStep(step: step, quantity: .loss, value: learnt.loss)
        }
        let lengths = gradients.lengths
        let norm = lengths.reduce(0) { $0 + ($1 ?? 0) * ($1 ?? 0) }.squareRoot()
        guard norm.isFinite else {
            throw NonFiniteStep(step: step, quantity: .gradient, value: norm)
        }

        let readings = FeatureReadings(of: plan.prototypes.embeddings ?? learnt.embeddings)
        let report = StepReport(
            step: step, epoch: epoch, loss: learnt.loss, losses: learnt.losses,
            learningRate: schedule.learningRate[step], weightDecay: schedule.weightDecay[step],
            momentum: schedule.teacherMomentum[step],
            teacherTemperature: schedule.teacherTemperature[epoch],
            teacherEntropy: (plan.prototypes.targets ?? plan.prototypes.patchTargets).map {
                DINOLoss.entropy(of: $0)
            },
            uniformEntropy: log(Double(options.head.prototypes)),
            deviation: readings.deviation, rank: readings.rank, gradientNorm: norm)

        if let limit = options.gradientClip {
            gradients.clip(
                to: limit, options.parameterRules.clipping, names: student.parameters.map(\.name))
        }
        optimizer.step(
            &student, by: gradients, rate: report.learningRate, weightDecay: report.weightDecay)
        teacher.moveAverage(towards: student, momentum: report.momentum)
        if let output = plan.prototypes.output { loss.moveCentre(by: output) }
        if let output = plan.prototypes.patchOutput { patchLoss.moveCentre(by: output) }
        standardizations = plan.standardizations
        step += 1
        return report
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
