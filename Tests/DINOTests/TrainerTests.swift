import DINO
import Tensors
import Testing
import ViT

@Suite struct TrainerTests {
    @Test("Ten steps are those of the official code", arguments: TrainingFixture.cases)
    func tenSteps(test: TrainingFixture.Case) throws {
        let file = try TrainingFixture.file()
        let losses = try file.tensor(named: test.name + ".loss").elements
        var trainer = TrainingFixture.trainer(TrainingFixture.options(test))
        let gradients = trainer.gradients(of: [TrainingFixture.batch(step: 0)])
        for ((name, _), gradient) in zip(trainer.student.parameters, gradients.tensors) {
            let key = "\(test.name).gradient.\(name)"
            guard let gradient else {
                // What is frozen has no gradient here; there it is thrown away.
                #expect(!file.names.contains(key) || name.contains("last_layer"))
                continue
            }
            let expected = try file.tensor(named: key)
            #expect(expected.count == gradient.count)
            // A bias in front of batch normalisation has no gradient but rounding's.
            if test.hasBatchNorm && ["head.mlp.0.bias", "head.mlp.3.bias"].contains(name) {
                #expect(gradient.elements.allSatisfy { abs($0) < 1e-5 })
            } else {
                // Float32 on both sides, sums in another order.
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
            let expected = try file.tensor(named: "\(test.name).teacher.\(name)")
            let error = relativeError(tensor, expected)
            #expect(error < 1e-4, "\(name)")
        }
        let centre = try file.tensor(named: test.name + ".centre")
        #expect(relativeError(trainer.loss.centre, centre) < 1e-4)
    }
}
