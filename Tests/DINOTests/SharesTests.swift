import DINO
import Tensors
import Testing
import ViT

/// Steps that are divided into shares, and the shares among processes, here threads.
@Suite(.serialized) struct SharesTests {
    static let shares = 4
    static let cases = ["class", "batchNorm", "shared", "separate", "distillation", "full"]

    private func options(_ name: String) -> DINOOptions {
        var options: DINOOptions
        switch name {
        case "class": options = TrainingFixture.options(TrainingFixture.cases[0])
        case "batchNorm": options = TrainingFixture.options(TrainingFixture.cases[1])
        case "full": options = ObjectivesFixture.fullOptions()
        default:
            options = ObjectivesFixture.options(
                ObjectivesFixture.Case(rawValue: name) ?? .shared)
        }
        options.stochasticDepth = 0.4
        options.frozenLastLayerEpochs = 0
        options.warmupEpochs = 0
        options.shares = Self.shares
        return options
    }

    /// The four pictures of a step, as batches of one.
    private func pictures(_ name: String, step: Int) -> [MultiCropBatch] {
        (0..<4).map { picture in
            let whole: MultiCropBatch
            let source = 2 * step + picture / 2
            switch name {
            case "class", "batchNorm": whole = TrainingFixture.batch(step: source)
            case "full": whole = ObjectivesFixture.fullBatch(step: source)
            default:
                whole = ObjectivesFixture.batch(
                    ObjectivesFixture.Case(rawValue: name) ?? .shared, step: source)
            }
            // The last of a source's three pictures, which has no mask, is among them.
            let row = picture % 2 + 1
            return MultiCropBatch(
                globals: whole.globals.map { $0.rows(row..<row + 1) },
                locals: whole.locals.map { $0.rows(row..<row + 1) },
                features: whole.features.map { features in
                    var part = features
                    part.patches = features.patches.rows(row..<row + 1)
                    part.classToken = features.classToken.rows(row..<row + 1)
                    part.attention = features.attention?.rows(row..<row + 1)
                    return part
                }, masks: whole.masks.map { PatchMask(patches: [$0.patches[row]]) })
        }
    }

    private struct Outcome: Sendable, Equatable {
        var reports: [StepReport]
        var state: [String: Tensor]
    }

    /// The reports and the state after some steps of a number of processes; each passes its pictures as micro-batches.
    private func train(
        _ name: String, _ options: DINOOptions, processes: Int, steps: Range<Int> = 0..<3,
        from state: [String: Tensor]? = nil
    ) throws -> [Outcome] {
        let student = TrainingFixture.trainer(options).student
        let batches = steps.map { pictures(name, step: $0) }
        return try ThreadCommunicator.run(processes) { rank in
            var trainer = DINOTrainer(
                options, student: student, batchSize: 4, stepsPerEpoch: 5, across: rank)
            if let state {
                try trainer.restore(step: steps.lowerBound) { name, _ in try #require(state[name]) }
            }
            let size = 4 / processes
            let own = rank.rank * size..<(rank.rank + 1) * size
            let reports = try batches.map { try trainer.step(Array($0[own])) }
            return Outcome(reports: reports, state: trainer.state)
        }
    }

    @Test(arguments: cases, [3 << 27, 40_000])
    func resultsAreIdenticalForAnyNumberOfProcesses(name: String, memory: Int) throws {
        let before = Parallelism.threadCount
        defer { Parallelism.threadCount = before }
        var options = options(name)
        // The lower limit divides each share's crops into groups.
        options.activationMemory = memory
        Parallelism.threadCount = 1
        let alone = try train(name, options, processes: 1)[0]
        for (processes, threads) in [(2, 1), (4, 1), (1, 2), (2, 2)] {
            Parallelism.threadCount = threads
            for outcome in try train(name, options, processes: processes) {
                #expect(outcome.reports == alone.reports)
                #expect(outcome.state == alone.state, "\(processes) processes")
            }
        }
    }

    /// Shares change nothing but the order of sums.
    @Test(arguments: cases)
    func sharesChangeOnlyRounding(name: String) throws {
        var options = options(name)
        let batch = pictures(name, step: 0)
        let divided = TrainingFixture.trainer(options, pictures: 4)
        options.shares = 1
        let whole = TrainingFixture.trainer(options, pictures: 4)
        expectClose(divided.gradients(of: batch), whole.gradients(of: batch), whole.student)
        var (a, b) = (divided, whole)
        let (own, expected) = (try a.step(batch), try b.step(batch))
        #expect(own.losses.keys == expected.losses.keys)
        #expect(abs(own.loss - expected.loss) < 1e-5 * expected.loss)
        #expect(abs(own.rank - expected.rank) < 1e-5 * expected.rank)
        #expect(abs(own.deviation - expected.deviation) < 1e-5 * expected.deviation)
        let (centre, expectedCentre) = (a.loss.centre, b.loss.centre)
        #expect(centre == expectedCentre || relativeError(centre, expectedCentre) < 1e-5)
    }

    @Test func continuesWithAnotherNumberOfProcesses() throws {
        let options = options("full")
        let whole = try train("full", options, processes: 1, steps: 0..<4)[0]
        let first = try train("full", options, processes: 4, steps: 0..<2)[3]
        let last = try train("full", options, processes: 2, steps: 2..<4, from: first.state)[1]
        #expect(last.state == whole.state)
        #expect(last.reports == Array(whole.reports[2...]))
    }

    @Test func nonFiniteLossAbandonsStepEverywhere() throws {
        let options = options("class")
        let student = TrainingFixture.trainer(options).student
        var batches = pictures("class", step: 0)
        batches[3].locals[0].withUnsafeMutableElements { $0[7] = .infinity }
        let parts = batches
        let errors = try ThreadCommunicator.run(4) { rank in
            var trainer = DINOTrainer(
                options, student: student, batchSize: 4, stepsPerEpoch: 5, across: rank)
            do throws(NonFiniteStep) {
                _ = try trainer.step(parts[rank.rank])
                return nil as NonFiniteStep?
            } catch {
                return error
            }
        }
        #expect(errors.allSatisfy { $0?.quantity == .loss })
    }

    /// Against two processes of the official code under torch.distributed (`Fixtures/make_processes.py`).
    @Test func tenStepsOfTwoProcessesMatchReference() throws {
        let losses = [
            1.8833086, 2.3758473, 2.1678009, 1.3850983, 1.3931782, 1.8788916, 1.6082264, 2.0083132,
            2.2020020, 2.5976472,
        ]
        var options = TrainingFixture.options(TrainingFixture.cases[0])
        options.shares = 2
        let student = TrainingFixture.trainer(options).student
        let results = try ThreadCommunicator.run(2) { [options] rank in
            var trainer = DINOTrainer(
                options, student: student, batchSize: 4,
                stepsPerEpoch: TrainingFixture.stepsPerEpoch, across: rank)
            return try losses.indices.map { step in
                let views = [32, 32, 16, 16].enumerated().map { view, side in
                    TrainingFixture.uniform(
                        [4, 3, side, side], seed: UInt64(1_000_000 + 100 * step + view), times: 2
                    ).rows(2 * rank.rank..<2 * rank.rank + 2)
                }
                return try trainer.step(
                    MultiCropBatch(globals: Array(views[..<2]), locals: Array(views[2...]))
                ).loss
            }
        }
        for own in results {
            for (value, expected) in zip(own, losses) {
                #expect(abs(value - expected) < 1e-4 * expected)
            }
        }
    }
}
