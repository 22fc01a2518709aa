import ArgumentParser
import DINO
import Foundation
import ViT

extension Evaluate {
    /// Trains a linear classifier on frozen features.
    struct Linear: ParsableCommand, RunsOnSeveralProcesses {
        static let configuration = CommandConfiguration(
            commandName: "linear",
            abstract: "Train and test a linear classifier on the features.",
            discussion: """
                Writes linear.json after each epoch: the losses, and the percentage of test pictures \
                whose class is the first predicted (top1), or among the first five (top5).

                Each epoch passes newly augmented training pictures through the network, as in the \
                official evaluation; with --no-augmentation they pass through it once, and hundreds of \
                epochs take seconds.

                Example: dino-vit evaluate linear --train flowers/train --test flowers/val \
                --weights run/teacher.safetensors --load-size 128 --epochs 20 --output results
                """)

        @OptionGroup var evaluation: EvaluationOptions

        @Option(help: "Passes over the training pictures.")
        var epochs = 100

        @Option(
            help: ArgumentHelp(
                "The initial learning rate for batches of 256; scaled in proportion to the batch size.",
                valueName: "rate"))
        var lr = 0.001

        @Option(help: "Training pictures per step.")
        var batchSize = 128

        @Option(
            help: """
                The number of last blocks whose class tokens are concatenated; use 1 for a ViT-B, with \
                --avgpool-patchtokens. (default: 4, or all blocks of a network with fewer)
                """)
        var nLastBlocks: Int?

        @Flag(help: "Also use the mean of the last block's patch tokens.")
        var avgpoolPatchtokens = false

        @Flag(
            inversion: .prefixedNo,
            help: "Crop and mirror the training pictures randomly in each epoch.")
        var augmentation = true

        @Option(help: "Seed of all random choices.")
        var seed: UInt64 = 0

        @OptionGroup var options: RunOptions

        func validate() throws {
            typealias Bounds = LinearProbe.Options.Bounds
            try check(epochs, Bounds.epochs, "--epochs")
            try check(batchSize, Bounds.batchSize, "--batch-size")
            try check(nLastBlocks, FrozenEmbedding.blockCounts, "--n-last-blocks")
            try check(lr, Bounds.learningRate, "--lr")
        }

        func run() throws {
            options.apply()
            let run = try EvaluationRun(evaluation)
            let depth = run.network.configuration.depth
            if let nLastBlocks, nLastBlocks > depth {
                throw Failure(
                    "--n-last-blocks \(nLastBlocks) is more than the \(depth) blocks of"
                        + " \(evaluation.file.name)")
            }
            let file = try run.file("linear.json")
            let method = method(lastBlocks: nLastBlocks ?? min(4, depth))
            var progress = Progress(
                method.pictureCount(train: run.train, test: run.test), of: "pictures",
                quiet: options.quiet)
            var epochs: [LinearEvaluation.Epoch] = []
            var report: Report?
            try method(
                run.network, train: run.train, test: run.test, across: Processes.all
            ) { event in
                switch event {
                case .pictures(let count):
                    for _ in 0..<count { progress.advance() }
                case .epoch(let epoch, let skipped):
                    epochs.append(epoch)
                    let known = Report(
                        epochs, method: method, setting: run.setting(skipped: skipped))
                    if Processes.isFirst { try writeJSON(known, to: file) }
                    report = known
                }
            }
            progress.finish()
            guard !options.quiet, let report, let last = epochs.last else { return }
            Terminal.say("\(file): \(report.setting.summary())")
            Terminal.say(
                String(
                    format: "after epoch %d: loss %.4f, top-1 %.2f%%; the best epoch: %.2f%%",
                    last.epoch + 1, last.test.loss, report.top1, report.bestTop1))
        }

        private func method(lastBlocks: Int) -> LinearEvaluation {
            var method = LinearEvaluation()
            method.options.epochs = epochs
            method.options.learningRate = lr
            method.options.batchSize = batchSize
            method.embedding = FrozenEmbedding(
                lastBlocks: lastBlocks, averagesPatches: avgpoolPatchtokens)
            method.view = evaluation.view
            method.isAugmented = augmentation
            method.seed = seed
            return method
        }

        /// The content of linear.json.
        private struct Report: Encodable {
            var epochs: [LinearEvaluation.Epoch]
            /// The last epoch's.
            var top1: Double
            /// The best epoch's, which the reference reports.
            var bestTop1: Double
            var method: LinearEvaluation
            var setting: EvaluationRun.Setting

            init(
                _ epochs: [LinearEvaluation.Epoch], method: LinearEvaluation,
                setting: EvaluationRun.Setting
            ) {
                self.epochs = epochs
                top1 = epochs.last?.test.top1 ?? 0
                bestTop1 = epochs.map(\.test.top1).max() ?? 0
                self.method = method
                self.setting = setting
            }
        }
    }
}
