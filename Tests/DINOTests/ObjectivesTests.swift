import DINO
import Foundation
import Tensors
import Testing
import ViT

@Suite struct ObjectivesTests {
    /// Against dinov2's own code; for distillation, against an equivalent in PyTorch.
    @Test(arguments: ObjectivesFixture.Case.allCases)
    func tenStepsMatchReference(test: ObjectivesFixture.Case) throws {
        let file = try ObjectivesFixture.file()
        let name = test.rawValue
        func stored(_ key: String) throws -> Tensor { try file.tensor(named: "\(name).\(key)") }
        // PyTorch has a gradient of zeros for the mask token that nothing is masked by, and decays it.
        func isUnused(_ name: String) -> Bool { test == .dino && name == "backbone.mask_token" }
        var trainer = TrainingFixture.trainer(ObjectivesFixture.options(test))
        let gradients = trainer.gradients(of: [ObjectivesFixture.batch(test, step: 0)])
        for ((name, _), gradient) in zip(trainer.student.parameters, gradients.tensors)
        where !isUnused(name) {
            let gradient = try #require(gradient, "\(name)")
            // Float32 on both sides, with sums in a different order.
            #expect(relativeError(gradient, try stored("gradient.\(name)")) < 1e-4, "\(name)")
        }
        let losses = try stored("loss").elements
        for step in 0..<TrainingFixture.steps {
            let report = try trainer.step(ObjectivesFixture.batch(test, step: step))
            #expect(abs(report.loss - Double(losses[step])) < 1e-4 * Double(losses[step]))
            for (part, value) in report.losses {
                let expected = Double(try stored("loss.\(part.rawValue)").elements[step])
                #expect(abs(value - expected) < 1e-4 * expected, "\(part) at step \(step)")
            }
            #expect(report.losses.count == (test == .dino ? 1 : 3))
        }
        for (name, tensor) in trainer.teacher.parameters where !isUnused(name) {
            var (own, expected) = (tensor, try stored("teacher.\(name)"))
            // See TrainerTests.
            if name.hasSuffix("attn.qkv.bias") {
                let width = expected.count / 3
                (own, expected) = (
                    own.withoutRows(width..<2 * width), expected.withoutRows(width..<2 * width)
                )
            }
            #expect(relativeError(own, expected) < 1e-4, "\(name)")
        }
        if test == .shared || test == .dino {
            #expect(relativeError(trainer.loss.centre, try stored("centre")) < 1e-4)
        }
        if test == .shared {
            #expect(relativeError(trainer.patchLoss.centre, try stored("patch_centre")) < 1e-4)
        }
    }

    /// The limit splits the crops of a step into groups.
    @Test func memoryLimitChangesOnlyRounding() throws {
        var options = ObjectivesFixture.fullOptions()
        let whole = TrainingFixture.trainer(options)
        options.activationMemory = 40_000
        let grouped = TrainingFixture.trainer(options)
        let batches = [ObjectivesFixture.fullBatch(step: 0)]
        expectClose(grouped.gradients(of: batches), whole.gradients(of: batches), whole.student)
    }

    @Test func microBatchesEqualLargeBatch() throws {
        let batch = ObjectivesFixture.fullBatch(step: 0)
        func pictures(_ range: Range<Int>) -> MultiCropBatch {
            MultiCropBatch(
                globals: batch.globals.map { $0.rows(range) },
                locals: batch.locals.map { $0.rows(range) },
                features: batch.features.map { features in
                    var part = features
                    part.patches = features.patches.rows(range)
                    part.classToken = features.classToken.rows(range)
                    part.attention = features.attention?.rows(range)
                    return part
                }, masks: batch.masks.map { PatchMask(patches: Array($0.patches[range])) })
        }
        for memory in [3 << 27, 40_000] {
            var options = ObjectivesFixture.fullOptions()
            options.activationMemory = memory
            var whole = TrainingFixture.trainer(options)
            var parts = whole
            let a = try whole.step(batch)
            let b = try parts.step([pictures(0..<1), pictures(1..<3)])
            #expect(a == b)
            #expect(a.losses.count == ObjectiveName.allCases.count)
            #expect(whole.state == parts.state)
        }
    }

    @Test func resultsAreIdenticalForAnyThreadCountAndAfterRestoring() throws {
        let before = Parallelism.threadCount
        defer { Parallelism.threadCount = before }
        let options = ObjectivesFixture.fullOptions()
        var states: [[String: Tensor]] = []
        for count in 1...3 {
            Parallelism.threadCount = count
            var trainer = TrainingFixture.trainer(options)
            for step in 0..<3 {
                if count == 3 && step == 2 {
                    let state = trainer.state
                    var restored = DINOTrainer(options, batchSize: 3, stepsPerEpoch: 5)
                    try restored.restore(step: trainer.step) { name, shape in
                        let tensor = try #require(state[name])
                        #expect(tensor.shape == shape)
                        return tensor
                    }
                    trainer = restored
                }
                _ = try trainer.step(ObjectivesFixture.fullBatch(step: step))
            }
            states.append(trainer.state)
        }
        #expect(states[0] == states[1])
        #expect(states[0] == states[2])
    }

    /// The teacher network has a different patch size.
    @Test func learnsFeaturesOfNetwork() throws {
        var options = TrainingFixture.options(TrainingFixture.cases[0])
        options.objectives.dino = 0
        options.warmupEpochs = 0
        options.learningRate = 1
        let large = VisionTransformer.Configuration(width: 24, depth: 1, heads: 3)
            .sized(patchSize: 16, imageSize: 32)
        var generator = Xoshiro256(seed: 5)
        let teacher = VisionTransformer(untrained: large, using: &generator)
        options.distillation = DistillationOptions(
            teacher: .network(fingerprint: teacher.fingerprint), channels: 24)
        var trainer = DINOTrainer(
            options, featureTeacher: teacher, batchSize: 3, stepsPerEpoch: 40)
        let batch = TrainingFixture.batch(step: 0)
        let reports = try (0..<40).map { _ in try trainer.step(batch) }
        // Predicting the mean gives 1. (The attention of an untrained teacher carries too little information.)
        #expect(reports[39].losses.keys.count == 3)
        for name in [ObjectiveName.patches, .classToken] {
            let value = try #require(reports[39].losses[name])
            #expect(value < 0.5, "\(name)")
        }
    }
}

/// Expects equal gradients for every parameter, up to rounding relative to the longest gradient.
func expectClose(_ a: Gradients, _ b: Gradients, _ network: DINONetwork) {
    let length = b.lengths.reduce(0) { max($0, $1 ?? 0) }
    for (index, (name, _)) in network.parameters.enumerated() {
        guard let x = a.tensors[index], let y = b.tensors[index] else {
            #expect(a.tensors[index] == nil && b.tensors[index] == nil, "\(name)")
            continue
        }
        let distance = zip(x.elements, y.elements).reduce(0.0) {
            $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1)
        }.squareRoot()
        // Float32, with sums in a different order.
        #expect(distance < 1e-5 * length, "\(name)")
    }
}
