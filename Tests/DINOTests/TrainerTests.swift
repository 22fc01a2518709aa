import DINO
import Foundation
import Tensors
import Testing
import ViT

@Suite struct TrainerTests {
    @Test(arguments: TrainingFixture.cases)
    func tenStepsMatchReference(test: TrainingFixture.Case) throws {
        let file = try TrainingFixture.file(test)
        let losses = try file.tensor(named: test.name + ".loss").elements
        var trainer = TrainingFixture.trainer(TrainingFixture.options(test))
        let gradients = trainer.gradients(of: [TrainingFixture.batch(step: 0)])
        for ((name, _), gradient) in zip(trainer.student.parameters, gradients.tensors) {
            let key = "\(test.name).gradient.\(name)"
            guard let gradient else {
                // Frozen parameters have no gradient here; the reference discards theirs.
                #expect(!file.names.contains(key) || name.contains("last_layer"))
                continue
            }
            let expected = try file.tensor(named: key)
            #expect(expected.count == gradient.count)
            // Biases that shift all rows in front of batch normalisation have no gradient beyond rounding errors.
            let shifts = ["backbone.norm.bias", "head.mlp.0.bias", "head.mlp.3.bias"]
            if test.hasBatchNorm && shifts.contains(name) {
                #expect(gradient.elements.allSatisfy { abs($0) < 1e-5 })
            } else {
                // Float32 on both sides, with sums in a different order.
                let error = relativeError(gradient, expected)
                #expect(error < 1e-4, "\(name)")
            }
        }
        for step in 0..<TrainingFixture.steps {
            let report = try trainer.step(TrainingFixture.batch(step: step))
            let expected = Double(losses[step])
            #expect(abs(report.loss - expected) < 1e-4 * expected, "step \(step)")
        }
        for (name, tensor) in trainer.teacher.parameters {
            var (own, expected) = (tensor, try file.tensor(named: "\(test.name).teacher.\(name)"))
            // Key biases shift all scores of a query equally, so that their gradient is pure rounding error, which AdamW
            // scales to full size.
            if name.hasSuffix("attn.qkv.bias") {
                let width = expected.count / 3
                (own, expected) = (
                    own.withoutRows(width..<2 * width), expected.withoutRows(width..<2 * width)
                )
            }
            let error = relativeError(own, expected)
            #expect(error < 1e-4, "\(name)")
        }
        let centre = try file.tensor(named: test.name + ".centre")
        #expect(relativeError(trainer.loss.centre, centre) < 1e-4)
    }

    /// Options with stochastic depth and a last layer that is trained from the first epoch.
    private func options(hasBatchNorm: Bool = false) -> DINOOptions {
        var test = TrainingFixture.cases[0]
        test.hasBatchNorm = hasBatchNorm
        var options = TrainingFixture.options(test)
        options.stochasticDepth = 0.4
        options.frozenLastLayerEpochs = 0
        return options
    }

    /// The limit splits the crops of a step into groups.
    @Test(arguments: [false, true])
    func memoryLimitChangesOnlyRounding(hasBatchNorm: Bool) throws {
        var options = options(hasBatchNorm: hasBatchNorm)
        let whole = TrainingFixture.trainer(options)
        // A large crop's activations take about 22 kB: one or two crops per group.
        options.activationMemory = 40_000
        let grouped = TrainingFixture.trainer(options)
        let batches = [TrainingFixture.batch(step: 0)]
        expectClose(grouped.gradients(of: batches), whole.gradients(of: batches), whole.student)
    }

    @Test(arguments: [false, true])
    func microBatchesEqualLargeBatch(hasBatchNorm: Bool) throws {
        let options = options(hasBatchNorm: hasBatchNorm)
        var whole = TrainingFixture.trainer(options)
        var parts = whole
        let batch = TrainingFixture.batch(step: 0)
        func pictures(_ range: Range<Int>) -> MultiCropBatch {
            MultiCropBatch(
                globals: batch.globals.map { $0.rows(range) },
                locals: batch.locals.map { $0.rows(range) })
        }
        let a = try whole.step(batch)
        let b = try parts.step([pictures(0..<1), pictures(1..<3)])
        #expect(a == b)
        #expect(whole.state == parts.state)
    }

    @Test func resultsAreIdenticalForAnyThreadCount() throws {
        let before = Parallelism.threadCount
        defer { Parallelism.threadCount = before }
        var states: [[String: Tensor]] = []
        for count in 1...3 {
            Parallelism.threadCount = count
            var trainer = TrainingFixture.trainer(options())
            for step in 0..<3 { _ = try trainer.step(TrainingFixture.batch(step: step)) }
            states.append(trainer.state)
        }
        #expect(states[0] == states[1])
        #expect(states[0] == states[2])
    }

    @Test(arguments: OptimizerKind.allCases)
    func restoredTrainingContinuesIdentically(optimizer: OptimizerKind) throws {
        var options = options()
        options.optimizer = optimizer
        var trainer = TrainingFixture.trainer(options)
        for step in 0..<3 { _ = try trainer.step(TrainingFixture.batch(step: step)) }
        let state = trainer.state
        var other = options
        other.seed = 1
        #expect(DINOTrainer(other, batchSize: 3, stepsPerEpoch: 5).state != state)
        var restored = DINOTrainer(options, batchSize: 3, stepsPerEpoch: 5)
        try restored.restore(step: trainer.step) { name, shape in
            let tensor = try #require(state[name])
            #expect(tensor.shape == shape)
            return tensor
        }
        for step in 3..<6 {
            let batch = TrainingFixture.batch(step: step)
            #expect(try trainer.step(batch) == restored.step(batch))
        }
        #expect(trainer.state == restored.state)
    }

    @Test func acceptsCustomOptimizerAndUntrainedParameters() throws {
        let options = options()
        var generator = Xoshiro256(seed: options.seed)
        let student = DINONetwork(options, backbone: nil, using: &generator)
        var trainer = DINOTrainer(
            options, student: student, batchSize: 3, stepsPerEpoch: 5,
            optimizer: { network in
                SGD(
                    for: network,
                    scaling: { name, _ in .init(rate: name.hasSuffix("bias") ? 0 : 1) })
            },
            training: { $0.hasPrefix("backbone.blocks.1.") })
        for step in 0..<3 { _ = try trainer.step(TrainingFixture.batch(step: step)) }
        for ((name, before), (_, after)) in zip(student.parameters, trainer.student.parameters) {
            let moves = name.hasPrefix("backbone.blocks.1.") && !name.hasSuffix("bias")
            #expect((before != after) == moves, "\(name)")
        }
        #expect(
            trainer.state["optimizer.0.head.mlp.0.weight"]?.elements.allSatisfy { $0 == 0 } == true)
    }

    @Test func nonFiniteLossAbandonsStep() throws {
        var trainer = TrainingFixture.trainer(options())
        _ = try trainer.step(TrainingFixture.batch(step: 0))
        let state = trainer.state
        var batch = TrainingFixture.batch(step: 1)
        batch.locals[0].withUnsafeMutableElements { $0[7] = .infinity }
        let error = #expect(throws: NonFiniteStep.self) { try trainer.step(batch) }
        #expect(error?.step == 1)
        #expect(error?.quantity == .loss)
        #expect(error?.description.contains("step 1") == true)
        #expect(trainer.state == state)
        #expect(trainer.step == 1)
    }

    @Test func frozenNetworkStaysFixedWhileHeadLearns() throws {
        var options = options()
        options.frozenNetworkEpochs = 1
        options.warmupEpochs = 0
        var trainer = TrainingFixture.trainer(options)
        let start = trainer.student
        _ = try trainer.step(TrainingFixture.batch(step: 0))
        for (old, new) in zip(start.parameters, trainer.student.parameters) {
            let isFixed = new.name.hasPrefix("backbone.") || new.name.hasSuffix("weight_g")
            #expect((old.tensor == new.tensor) == isFixed, "\(new.name)")
        }
    }

    /// A frozen network would go on to multiply in integers, until a checkpoint restores its weights as floats.
    @Test(arguments: [Precision.float32, .int16, .int8])
    func preparedNetworkIsTrainedFromItsWeights(precision: Precision) throws {
        var options = options()
        options.frozenNetworkEpochs = 1
        let prepared = TrainingFixture.trainer(options).student.backbone.prepared(for: precision)
        var plain = prepared
        plain.forEachParameter { _, tensor in
            tensor = Tensor(tensor.elements, shape: tensor.shape)
        }
        #expect(plain.precision == .float32)
        var trainers = [prepared, plain].map {
            DINOTrainer(options, startingFrom: $0, batchSize: 3, stepsPerEpoch: 5)
        }
        #expect(trainers[0].student.backbone.precision == .float32)
        for index in trainers.indices {
            _ = try trainers[index].step(TrainingFixture.batch(step: 0))
        }
        #expect(trainers[0].state == trainers[1].state)
    }

    /// Whatever is trained of the backbone, an objective that needs the class tokens of all groups reaches it.
    @Test func jointObjectiveTrainsChosenParameters() throws {
        var options = options()
        options.objectives = ObjectiveWeights(dino: 0, ibot: 0, koLeo: 1)
        options.warmupEpochs = 0
        options.activationMemory = 40_000
        var generator = Xoshiro256(seed: options.seed)
        let student = DINONetwork(options, backbone: nil, using: &generator)
        var trainer = DINOTrainer(
            options, student: student, batchSize: 3, stepsPerEpoch: 5,
            training: { $0.hasPrefix("backbone.blocks.1.") })
        _ = try trainer.step(TrainingFixture.batch(step: 0))
        let name = "backbone.blocks.1.attn.qkv.weight"
        let (before, after) = (student.parameters, trainer.student.parameters)
        let place = try #require(before.firstIndex { $0.name == name })
        #expect(before[place].tensor != after[place].tensor)
    }

    /// With masked patches alone, the targets come from their own head.
    @Test func uniformEntropyIsThatOfTheHeadWithTargets() throws {
        var options = options()
        options.objectives = ObjectiveWeights(dino: 0, ibot: 1, koLeo: 0)
        options.network.hasMaskToken = true
        options.patchHead = options.head
        options.patchHead?.prototypes = 7
        var trainer = TrainingFixture.trainer(options)
        let report = try trainer.step(TrainingFixture.batch(step: 0))
        #expect(report.uniformEntropy == log(7))
    }

    @Test func networkMayBeFrozenForPartOfAnEpoch() throws {
        var options = options()
        options.frozenNetworkEpochs = 0.5
        let schedule = DINOSchedule(options, batchSize: 256, stepsPerEpoch: 7)
        #expect(schedule.frozenNetworkSteps == 4)
        #expect(schedule.learningRate[3] == options.learningRate)
        #expect(schedule.learningRate[4] < options.learningRate)
    }
}

extension Tensor {
    func withoutRows(_ range: Range<Int>) -> Tensor {
        .concatenated([rows(0..<range.lowerBound), rows(range.upperBound..<shape[0])])
    }
}
