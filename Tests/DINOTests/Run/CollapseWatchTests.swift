import DINO
import Foundation
import Testing

/// `CollapseWatch` on readings recorded from the official code in PyTorch (a ViT of width 96 and depth 4, 128 outputs,
/// batches of 32; `Fixtures/collapse.json`).
@Suite struct CollapseWatchTests {
    private struct Step: Decodable {
        var loss: Double
        var entropy: Double
        var rank: Double
        var deviation: Double
        var gradientNorm: Double
    }

    private func runs() throws -> [String: [Step]] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Fixtures")
        let data = try Data(contentsOf: folder.appendingPathComponent("collapse.json"))
        return try JSONDecoder().decode([String: [Step]].self, from: data)
    }

    private var circumstances: CollapseWatch.Circumstances {
        .init(
            outputs: 128, batchSize: 32, learningRate: 7.5e-4, usualLearningRate: 6.25e-5,
            momentum: 0.99, centreMomentum: 0.9, teacherTemperature: 0.04)
    }

    private func findings(
        of steps: [Step], _ circumstances: CollapseWatch.Circumstances, contrast: Double = 1
    ) -> [CollapseWatch.Finding] {
        var watch = CollapseWatch(circumstances)
        for (index, step) in steps.enumerated() {
            _ = watch.observe(
                TrainingRecord(
                    step: index + 1, epoch: 1, loss: step.loss, learningRate: 1e-3,
                    weightDecay: 0.04, momentum: 0.99, teacherTemperature: 0.04,
                    teacherEntropy: step.entropy, rank: step.rank,
                    featureDeviation: step.deviation, contrast: contrast,
                    gradientNorm: step.gradientNorm, seconds: 1))
        }
        return watch.findings
    }

    @Test func findsNothingInHealthyTraining() throws {
        let runs = try runs()
        #expect(findings(of: try #require(runs["sound"]), circumstances).isEmpty)
        var many = circumstances
        many.outputs = 1024
        #expect(findings(of: try #require(runs["sound, 1024 outputs"]), many).isEmpty)
    }

    @Test func detectsZeroEntropyWithoutMomentumAndCentring() throws {
        var circumstances = circumstances
        circumstances.momentum = 0
        circumstances.centreMomentum = 1
        let found = findings(of: try #require(runs()["momentum 0, no centring"]), circumstances)
        #expect(found.map(\.verdict) == [.entropyAtZero])
        #expect(found[0].step <= 100)
        #expect(found[0].causes.contains { $0.contains("the centre's momentum") })
        #expect(found[0].causes.contains { $0.contains("(momentum 0)") })
    }

    @Test func detectsRankOneAtHighLearningRate() throws {
        var circumstances = circumstances
        circumstances.learningRate = 10
        let found = findings(of: try #require(runs()["rate 10"]), circumstances)
        #expect(found.map(\.verdict) == [.rankOne])
        #expect(found[0].step <= 100 && found[0].causes[0].contains("learning rate of 10"))
    }

    @Test func detectsRankOneForBlankPictures() throws {
        let found = findings(
            of: try #require(runs()["black pictures"]), circumstances, contrast: 0)
        #expect(found.map(\.verdict) == [.rankOne])
        #expect(found[0].step <= 100 && found[0].causes[0].contains("blank"))
    }

    /// Synthetic readings of the paper's other collapse, to uniform outputs, and of a loss that does not move.
    @Test func detectsEntropyAndLossAtLimit() throws {
        let limit = log(128.0)
        let uniform = Step(
            loss: limit, entropy: limit - 0.001, rank: 8, deviation: 0.5, gradientNorm: 0.01)
        let found = findings(of: Array(repeating: uniform, count: 100), circumstances)
        #expect(found.map(\.verdict) == [.entropyAtLimit])
        let stalled = Step(
            loss: limit + 0.01, entropy: limit - 1, rank: 8, deviation: 0.5, gradientNorm: 0.01)
        let late = findings(of: Array(repeating: stalled, count: 400), circumstances)
        #expect(late.map(\.verdict) == [.lossAtLimit])
        #expect(late[0].reading.contains("ln 128 = 4.85"))
    }

    /// A second finding follows the first; a number that stays infinite is reported once, and an unknown rank is ignored.
    @Test func reportsEachFindingOnce() {
        let collapsed = Step(loss: 0.01, entropy: 0, rank: 1, deviation: 0, gradientNorm: 0.01)
        let found = findings(of: Array(repeating: collapsed, count: 100), circumstances)
        #expect(found.map(\.verdict) == [.rankOne, .entropyAtZero])
        let broken = Step(loss: .nan, entropy: 1, rank: 8, deviation: 0.5, gradientNorm: 1)
        #expect(findings(of: [broken, broken, broken], circumstances).count == 1)
        let unknown = Step(loss: 4, entropy: 3, rank: .nan, deviation: 0, gradientNorm: 1)
        let flat = Step(loss: 4, entropy: 3, rank: 1, deviation: 0, gradientNorm: 1)
        let after = findings(
            of: [unknown] + Array(repeating: flat, count: 100), circumstances)
        #expect(after.map(\.verdict) == [.rankOne])
    }

    /// With other objectives the total loss says nothing about DINO's.
    @Test func readsTheLossOfDINOAmongOthers() {
        let limit = log(128.0)
        var watch = CollapseWatch(circumstances)
        for step in 1...400 {
            var record = TrainingRecord(
                step: step, epoch: 1, loss: limit + 5, learningRate: 1e-3, weightDecay: 0.04,
                momentum: 0.99, teacherTemperature: 0.04, teacherEntropy: limit - 1,
                rank: 8, featureDeviation: 0.5, contrast: 1, gradientNorm: 1, seconds: 1)
            record.losses = [.dino: limit, .ibot: 5]
            _ = watch.observe(record)
        }
        #expect(watch.findings.map(\.verdict) == [.lossAtLimit])
        #expect(watch.findings.allSatisfy { $0.reading.contains("stays at 4.85, near ln 128") })
    }

    @Test func detectsNonFiniteNumbers() {
        let broken = Step(loss: .nan, entropy: 1, rank: 8, deviation: 0.5, gradientNorm: 1)
        let found = findings(of: [broken], circumstances)
        #expect(found.map(\.verdict) == [.notFinite] && found[0].step == 1)
        let gradient = Step(loss: 4, entropy: 1, rank: 8, deviation: 0.5, gradientNorm: .infinity)
        #expect(findings(of: [gradient], circumstances).map(\.verdict) == [.notFinite])
    }

    /// The features of one or two pictures carry no information about a collapse.
    @Test func ignoresFeaturesOfSmallBatches() {
        var circumstances = circumstances
        circumstances.batchSize = 1
        let one = Step(loss: 4, entropy: 3, rank: 1, deviation: 0, gradientNorm: 1)
        #expect(findings(of: Array(repeating: one, count: 100), circumstances).isEmpty)
    }

    /// Synthetic readings of a student that learns a teacher's features or remains at their mean; its own features are all
    /// alike at first.
    @Test(arguments: [0.995, 0.9])
    func detectsFeaturesAtMean(error: Double) {
        var circumstances = circumstances
        circumstances.outputs = 0
        var watch = CollapseWatch(circumstances)
        for step in 1...1100 {
            var record = TrainingRecord(
                step: step, epoch: 1, loss: 2, learningRate: 1e-3, weightDecay: 0.04,
                momentum: 0.99, teacherTemperature: 0.04, teacherEntropy: .nan,
                rank: step < 100 ? 1 : 8, featureDeviation: step < 100 ? 0.01 : 0.5, contrast: 1,
                gradientNorm: 1, seconds: 1)
            record.losses = [.patches: error, .classToken: 1]
            _ = watch.observe(record)
        }
        #expect(watch.findings.map(\.verdict) == (error > 0.99 ? [.featuresAtMean] : []))
        #expect(watch.findings.allSatisfy { $0.reading.contains("0.995 of their variance") })
    }

    @Test func suggestsOptionsForNumberOfPictures() throws {
        var circumstances = circumstances
        circumstances.outputs = 65536
        circumstances.pictures = 5000
        let limit = log(65536.0)
        let stalled = Step(
            loss: limit + 0.01, entropy: limit - 1, rank: 8, deviation: 0.5, gradientNorm: 0.01)
        let found = findings(of: Array(repeating: stalled, count: 400), circumstances)
        #expect(found.map(\.verdict) == [.lossAtLimit])
        #expect(found[0].causes[0].contains("the preset auto has 1024"))
        #expect(found[0].causes[1].contains("the preset auto has 0.02"))
    }
}
