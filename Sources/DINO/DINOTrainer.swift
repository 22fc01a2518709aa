import Foundation
import Platform
import Tensors
import ViT

/// Where a teacher comes from.
public enum TeacherRule: String, Sendable, Codable, Hashable, CaseIterable {
    /// A moving average of the student (Caron et al. 2021): self-distillation.
    case movingAverage
    /// A network that has been trained before and stays as it is: distillation. Teacher and student
    /// then also meet on the same large crop.
    case fixed
}

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
    public let teacherRule: TeacherRule
    public internal(set) var student: DINONetwork
    public internal(set) var teacher: DINONetwork
    public internal(set) var loss: DINOLoss
    /// Steps done: the number of the next.
    public internal(set) var step = 0
    var optimizer: any Optimizer

    /// Starts a training.
    ///
    /// - Parameters:
    ///   - weights: those that the network starts from; untrained ones unless given.
    ///   - fixedTeacher: the network to learn from, for distillation; unless given, the teacher is the
    ///     student's moving average.
    ///   - batchSize: the pictures of a step, those of all its micro-batches: the learning rate goes by
    ///     it.
    /// - Precondition: the weights are of the options' network; a fixed teacher has as many
    ///   prototypes as the options' head.
    public init(
        _ options: DINOOptions, startingFrom weights: VisionTransformer? = nil,
        fixedTeacher: DINONetwork? = nil, batchSize: Int, stepsPerEpoch: Int
    ) {
        var generator = Xoshiro256(seed: options.seed)
        self.init(
            options, student: DINONetwork(options, backbone: weights, using: &generator),
            fixedTeacher: fixedTeacher, batchSize: batchSize, stepsPerEpoch: stepsPerEpoch)
    }

    /// Starts a training from a network with its head.
    public init(
        _ options: DINOOptions, student: DINONetwork, fixedTeacher: DINONetwork? = nil,
        batchSize: Int, stepsPerEpoch: Int
    ) {
        require(
            fixedTeacher.map { $0.head.options.prototypes == options.head.prototypes } ?? true,
            "DINOTrainer: a teacher with \(fixedTeacher?.head.options.prototypes ?? 0) prototypes for"
                + " a student with \(options.head.prototypes)")
        self.options = options
        schedule = DINOSchedule(options, batchSize: batchSize, stepsPerEpoch: stepsPerEpoch)
        teacherRule = fixedTeacher == nil ? .movingAverage : .fixed
        self.student = student
        teacher = fixedTeacher ?? student
        loss = DINOLoss(prototypes: options.head.prototypes, options: options.loss)
        optimizer = options.optimizer.optimizer(for: student)
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
        let temperature = schedule.teacherTemperature[epoch]
        let said = teach(crops)
        let targets = loss.targets(of: said.output, temperature: temperature)

        var gradients = Gradients(of: student)
        let value = learn(crops, from: targets, gradients: &gradients)
        guard value.isFinite else {
            throw NonFiniteStep(step: step, quantity: .loss, value: value)
        }
        let lengths = gradients.lengths
        let norm = lengths.reduce(0) { $0 + ($1 ?? 0) * ($1 ?? 0) }.squareRoot()
        guard norm.isFinite else {
            throw NonFiniteStep(step: step, quantity: .gradient, value: norm)
        }

        let readings = FeatureReadings(of: said.embeddings)
        let report = StepReport(
            step: step, epoch: epoch, loss: value, learningRate: schedule.learningRate[step],
            weightDecay: schedule.weightDecay[step],
            momentum: teacherRule == .fixed ? 1 : schedule.teacherMomentum[step],
            teacherTemperature: temperature, teacherEntropy: DINOLoss.entropy(of: targets),
            uniformEntropy: log(Double(options.head.prototypes)),
            deviation: readings.deviation, rank: readings.rank, gradientNorm: norm)

        if let clip = options.gradientClip { gradients.clip(eachTo: clip) }
        optimizer.step(
            &student, by: gradients, rate: report.learningRate, weightDecay: report.weightDecay)
        if teacherRule == .movingAverage {
            teacher.moveAverage(towards: student, momentum: report.momentum)
        }
        loss.moveCentre(by: said.output)
        step += 1
        return report
    }
}

extension OptimizerKind {
    /// The optimiser, with no decay of biases and norms.
    fileprivate func optimizer(for network: DINONetwork) -> any Optimizer {
        switch self {
        case .adamW: AdamW(for: network, scaling: ParameterScaling.ofDINO)
        case .sgd: SGD(for: network, scaling: ParameterScaling.ofDINO)
        case .lars: LARS(for: network, scaling: ParameterScaling.ofDINO)
        }
    }
}
