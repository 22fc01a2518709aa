import Foundation
import Images
import Testing

@Suite struct EvaluateTests {
    let folder = TemporaryFolder()

    /// Writes pictures of several sizes, with noise about a colour for each class; test pictures have different noise.
    private func makePictures() throws {
        let colours = ["blue": (40, 60, 200), "green": (50, 180, 60), "red": (200, 40, 50)]
        var state: UInt64 = 1
        func noise() -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 58) - 32
        }
        for (name, (red, green, blue)) in colours.sorted(by: { $0.key < $1.key }) {
            for (side, count) in [("train", 5), ("test", 3)] {
                try folder.makeFolder("\(side)/\(name)")
                for number in 0..<count {
                    let (width, height) = (24 + 5 * number, 31)
                    let pixels = (0..<width * height).flatMap { _ in
                        [red, green, blue].map { UInt8(clamping: $0 + noise()) }
                    }
                    try Image(width: width, height: height, pixels: pixels)
                        .writePNG(to: folder["\(side)/\(name)/\(number).png"])
                }
            }
        }
    }

    private func evaluate(
        _ kind: String, _ arguments: [String] = [], train: String = "train", test: String = "test",
        output: String = "results"
    ) throws -> Program.Outcome {
        try Program.run(
            ["evaluate", kind, "--train", folder[train], "--test", folder[test]]
                + ["--weights", Fixtures.weights, "--heads", "6", "--load-size", "18"]
                + ["--output", folder[output]] + arguments)
    }

    private struct Setting: Decodable {
        var classes: [String]
        var loadSize: Int
        var cropSize: Int
        var train: Side
        var test: Side

        struct Side: Decodable {
            var folder: String
            var pictures: Int
            var skipped: [Skipped]
        }
        struct Skipped: Decodable {
            var path: String
            var reason: String
        }
    }

    private struct Vote: Decodable {
        var results: [Result]
        var temperature: Double
        var setting: Setting

        struct Result: Decodable {
            var k: Int
            var top1: Double
            var top5: Double
        }
    }

    private struct Probe: Decodable {
        var epochs: [Epoch]
        var top1: Double
        var bestTop1: Double
        var setting: Setting

        struct Epoch: Decodable {
            var epoch: Int
            var learningRate: Double
            var trainLoss: Double
            var test: Score
        }
        struct Score: Decodable {
            var loss: Double
            var top1: Double
            var top5: Double?
        }
    }

    private func read<Value: Decodable>(_ name: String) throws -> Value {
        try JSONDecoder().decode(Value.self, from: folder.data(name))
    }

    /// The top-1 accuracy that a naive search finds in `features.json` and the features beside it.
    private func naiveAccuracy(k: Int) throws -> Double {
        struct Rows: Decodable {
            struct Row: Decodable {
                var path: String
                var label: Int
            }
            var classes: [String]
            var train: [Row]
            var test: [Row]
        }
        let rows: Rows = try read("results/features.json")
        func features(_ name: String) throws -> [[Double]] {
            let array = try Array32(folder["results/\(name)-features.npy"])
            return (0..<array.shape[0]).map { row in
                let values = array.values[row * array.shape[1]..<(row + 1) * array.shape[1]]
                let length = values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
                return values.map { Double($0) / length }
            }
        }
        for row in rows.train + rows.test {
            #expect(row.path.contains("/\(rows.classes[row.label])/"))
        }
        let train = try features("train")
        let correct = zip(try features("test"), rows.test).count { picture, row in
            let cosines = train.map { zip($0, picture).reduce(0) { $0 + $1.0 * $1.1 } }
            var votes = [0.0, 0, 0]
            for index in train.indices.sorted(by: { cosines[$0] > cosines[$1] }).prefix(k) {
                votes[rows.train[index].label] += exp(cosines[index] / 0.07)
            }
            return votes[row.label] == votes.max()
        }
        return 100 * Double(correct) / Double(rows.test.count)
    }

    @Test func knnMatchesNaiveSearch() throws {
        try makePictures()
        try folder.write("no picture".utf8, to: "train/green/broken.png")
        try folder.write("no picture".utf8, to: "train/notes.txt")
        let outcome = try evaluate("knn", ["--k", "1", "4", "200", "--save-features"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("skipped: \(folder["train/green/broken.png"])"))
        #expect(outcome.errors.contains("k is 200, but there are only 15 training pictures"))
        let lines = outcome.output.split(separator: "\n")
        #expect(lines.count == 4 && lines[0].contains("15 training and 9 test pictures"))
        #expect(
            folder.names(in: "results")
                == ["features.json", "knn.json", "test-features.npy", "train-features.npy"])
        let vote: Vote = try read("results/knn.json")
        #expect(vote.results.map(\.k) == [1, 4, 200] && vote.temperature == 0.07)
        #expect(vote.setting.classes == ["blue", "green", "red"])
        #expect(vote.setting.loadSize == 18 && vote.setting.cropSize == 15)
        #expect(vote.setting.train.pictures == 15 && vote.setting.test.pictures == 9)
        #expect(vote.setting.train.skipped.map(\.path) == [folder["train/green/broken.png"]])
        #expect(vote.setting.test.skipped.isEmpty)
        for result in vote.results {
            #expect(abs(result.top1 - (try naiveAccuracy(k: result.k))) < 1e-9)
        }
        // All 15 vote, so that each class is among the first three.
        #expect(vote.results[2].top5 == 100)
    }

    /// The results are the same for any number of threads.
    @Test func linearProbeLearnsClasses() throws {
        try makePictures()
        let options = ["--epochs", "3", "--lr", "1", "--batch-size", "4", "--n-last-blocks", "2"]
        for (threads, output) in [("1", "one"), ("2", "two")] {
            let outcome = try evaluate("linear", options + ["--threads", threads], output: output)
            #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
            #expect(outcome.output.split(separator: "\n").count == 2)
        }
        #expect(try folder.data("one/linear.json") == folder.data("two/linear.json"))
        let probe: Probe = try read("one/linear.json")
        #expect(probe.epochs.map(\.epoch) == [0, 1, 2])
        for (epoch, rate) in zip(probe.epochs, [1, 0.75, 0.25]) {
            #expect(abs(epoch.learningRate - rate * 4 / 256) < 1e-12)
            #expect(epoch.test.top5 == nil)
        }
        #expect(probe.top1 == probe.epochs[2].test.top1)
        #expect(probe.bestTop1 == probe.epochs.map(\.test.top1).max())
        // Equal probabilities at first: ln 3.
        #expect(abs(probe.epochs[0].trainLoss - log(3)) < 0.7)

        // The colours are linearly separable, given enough epochs.
        let plain = try evaluate(
            "linear", ["--no-augmentation", "--epochs", "60", "--n-last-blocks", "2", "--lr", "1"])
        #expect(plain.status == 0)
        let fixed: Probe = try read("results/linear.json")
        #expect(fixed.epochs.count == 60 && fixed.top1 == 100)
        #expect(fixed.epochs[59].trainLoss < fixed.epochs[0].trainLoss / 4)
    }

    @Test func rejectsUnusableInputs() throws {
        try makePictures()
        try folder.makeFolder("other/yellow")
        try FileManager.default.copyItem(
            atPath: Fixtures.first, toPath: folder["other/yellow/a.png"])
        for (kind, arguments, test, part) in [
            ("knn", [], "missing", "missing"), ("linear", [], "train/red", "no subfolders"),
            ("knn", [], "other", "yellow"),
            ("linear", ["--n-last-blocks", "3"], "test", "2 blocks"),
            ("knn", ["--load-size", "9"], "test", "smaller than a patch"),
        ] {
            let outcome = try evaluate(kind, arguments, test: test)
            #expect(outcome.status == 1)
            #expect(outcome.message?.contains(part) == true, "\(outcome.errors)")
        }
        for side in ["train", "test"] {
            for name in ["blue", "green", "red"] {
                for file in folder.names(in: "\(side)/\(name)") {
                    try folder.write("no picture".utf8, to: "\(side)/\(name)/\(file)")
                }
            }
            for kind in ["knn", "linear"] {
                let outcome = try evaluate(kind)
                #expect(outcome.status == 1)
                #expect(outcome.message?.contains("can be read") == true, "\(outcome.errors)")
            }
        }
        #expect(folder.names(in: "results") == [])
    }
}
