import ArgumentParser
import DINO
import Foundation
import Platform
import Tensors

extension Evaluate {
    /// Classifies by a weighted vote of the nearest training pictures.
    struct KNN: ParsableCommand, RunsOnSeveralProcesses {
        static let configuration = CommandConfiguration(
            commandName: "knn",
            abstract: "Classify by a weighted vote of the nearest training pictures.",
            discussion: """
                Writes knn.json: for each k the percentage of test pictures whose class has the most \
                votes (top1), or is among the five with the most (top5).

                Example: dino-vit evaluate knn --train flowers/train --test flowers/val \
                --weights run/teacher.safetensors --load-size 128 --output results
                """)

        @OptionGroup var evaluation: EvaluationOptions

        @Option(
            name: .customLong("k"), parsing: .upToNextOption,
            help: ArgumentHelp("The number of neighbours that vote; one or more.", valueName: "k"))
        var neighbourCounts = KNNClassifier.neighbourCounts

        @Option(help: "The temperature of the votes: exp(similarity / temperature).")
        var temperature = 0.07

        @Flag(
            help: """
                Also write the features: train-features.npy and test-features.npy, float32 \
                [pictures, channels], and features.json, the pictures and their classes.
                """)
        var saveFeatures = false

        @OptionGroup var options: RunOptions

        func validate() throws {
            for k in neighbourCounts { try check(k, KNNClassifier.neighbourBound, "--k") }
            try check(temperature, KNNClassifier.temperatures, "--temperature")
        }

        func run() throws {
            options.apply()
            let run = try EvaluationRun(evaluation)
            let report = try run.file("knn.json")
            var progress = Progress(
                run.train.paths.count + run.test.paths.count, of: "pictures", quiet: options.quiet)
            let sides = try [run.train, run.test].map { pictures in
                try PictureFeatures(
                    of: pictures, network: run.network, view: evaluation.view,
                    across: Processes.all
                ) {
                    for _ in 0..<$0 { progress.advance() }
                }
            }
            progress.finish()
            try Processes.all.together {
                // The vote is short.
                if Processes.isFirst { try write(sides[0], sides[1], of: run, to: report) }
            }
        }

        private func write(
            _ train: PictureFeatures, _ test: PictureFeatures, of run: EvaluationRun,
            to report: String
        ) throws {
            if saveFeatures { try save(train, test, of: run) }
            let classifier = KNNClassifier(
                features: train.features, labels: train.labels,
                classCount: run.train.classes.count)
            let results = classifier.accuracies(
                of: test.features, labels: test.labels, neighbourCounts: neighbourCounts,
                temperature: temperature)
            let setting = run.setting(skipped: (train.skipped, test.skipped))
            try writeJSON(
                Report(results: results, temperature: temperature, setting: setting), to: report)
            guard !options.quiet else { return }
            let most = train.labels.count
            let beyond = neighbourCounts.filter { $0 > most }.map(String.init)
            if !beyond.isEmpty {
                Terminal.note(
                    "k is \(beyond.joined(separator: ", ")), but there are only \(most) training"
                        + " pictures: all of them vote")
            }
            Terminal.say("\(report): \(setting.summary())")
            for result in results {
                Terminal.say(
                    String(
                        format: "%d nearest: top-1 %.2f%%, top-5 %.2f%%", result.k, result.top1,
                        result.top5))
            }
        }

        /// The content of knn.json.
        private struct Report: Encodable {
            var results: [KNNClassifier.Accuracy]
            var temperature: Double
            var setting: EvaluationRun.Setting
        }

        private func save(_ train: PictureFeatures, _ test: PictureFeatures, of run: EvaluationRun)
            throws
        {
            /// The content of features.json.
            struct Rows: Encodable {
                var classes: [String]
                var train: [Row]
                var test: [Row]
            }
            struct Row: Encodable {
                var path: String
                var label: Int
            }
            func rows(_ features: PictureFeatures, _ pictures: LabelledPictures) -> [Row] {
                zip(features.indices, features.labels).map {
                    Row(path: printable(pictures.paths[$0]), label: $1)
                }
            }
            try train.features.writeNPY(to: run.file("train-features.npy"))
            try test.features.writeNPY(to: run.file("test-features.npy"))
            try writeJSON(
                Rows(
                    classes: run.train.classes.map { printable($0) }, train: rows(train, run.train),
                    test: rows(test, run.test)),
                to: run.file("features.json"))
        }
    }
}
