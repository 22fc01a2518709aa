import DINO
import Foundation
import Images
import Testing

/// No number given to an option makes the program crash, run forever or use unbounded memory.
@Suite struct OptionBoundsTests {
    /// The output of the argument parser's `--experimental-dump-help`.
    private struct Dump: Decodable {
        struct Command: Decodable {
            var commandName: String
            var subcommands: [Command]?
            var arguments: [Argument]?
        }
        struct Argument: Decodable {
            struct Name: Decodable {
                var kind: String
                var name: String
            }
            var kind: String
            var preferredName: Name?
            var allValues: [String]?
        }
        var command: Command
    }

    /// Options with a text as value.
    private static let texts: Set<String> = [
        "weights", "output", "init-weights", "teacher-weights",
        "teacher-features", "teacher-saliency", "train", "test", "model",
        "save-model",
        "basis", "save-basis", "first-mask", "truth", "metadata", "arch", "optimizer", "preset",
        "facet",
    ]
    /// Options that accept any positive integer.
    private static let anyNumber: Set<String> = ["seed", "save-every", "k"]

    /// Each subcommand with its numeric options.
    private func numericOptions() throws -> [(command: [String], options: [String])] {
        let outcome = try Program.run(["--experimental-dump-help"])
        let dump = try JSONDecoder().decode(Dump.self, from: Data(outcome.output.utf8))
        func collect(_ command: Dump.Command, _ path: [String]) -> [([String], [String])] {
            let inner = (command.subcommands ?? []).filter { $0.commandName != "help" }
            guard inner.isEmpty else {
                return inner.flatMap { collect($0, path + [$0.commandName]) }
            }
            let options = (command.arguments ?? []).filter { $0.kind == "option" }
                .compactMap { $0.preferredName?.name }
            return [(path, options.filter { !Self.texts.contains($0) })]
        }
        return collect(dump.command, [])
    }

    /// The arguments that a valid command line of a subcommand requires; the files do not exist.
    private func arguments(_ command: [String]) -> [String] {
        switch command.joined(separator: " ") {
        case "evaluate knn", "evaluate linear": ["--train", "none", "--test", "none"]
        case "train": ["none", "--output", "none"]
        case "video": ["none", "--first-mask", "none"]
        case "match", "inspect": ["none.png", "none.png"]
        case "weights convert": ["none", "out"]
        default: ["none"]
        }
    }

    @Test func everyNumberIsBounded() throws {
        let commands = try numericOptions()
        #expect(commands.count > 12 && commands.flatMap(\.options).count > 80)
        for (command, options) in commands {
            for option in options {
                let isRange = ["global-crops-scale", "local-crops-scale", "blur-radius"].contains(
                    option)
                for value in ["9223372036854775807", "-1", "nan"] {
                    if Self.anyNumber.contains(option) && value.hasPrefix("9") { continue }
                    // A threshold of -1 is valid, as everything exceeds it, and so is -1 as the last layer.
                    let isBelowZero = option.hasSuffix("layer") || option.hasSuffix("threshold")
                    if isBelowZero && value == "-1" { continue }
                    let given = isRange ? ["--" + option, value, value] : ["--\(option)=\(value)"]
                    let outcome = try Program.run(command + arguments(command) + given)
                    #expect(outcome.status == 64, "\(command) \(given): \(outcome.errors)")
                }
            }
        }
    }

    @Test(arguments: [
        (
            ["train", "a", "--output", "b", "--out-dim", "16777216"],
            "--out-dim 16777216 is not from 2 to 1048576"
        ),
        (
            ["train", "a", "--output", "b", "--arch", "100000x1000x1"],
            "width 100000 is not from 1 to 65536"
        ),
        (
            ["synthesize", "a", "--threads", "9223372036854775807"],
            "--threads 9223372036854775807 is not from 1 to 4096"
        ),
        (["parts", "a", "--crops", "1000000000"], "--crops 1000000000 is not from 0 to 1000"),
        (
            ["video", "a", "--first-mask", "b", "--neighbours", "2147483647"],
            "is not from 1 to 1024"
        ),
        (["extract", "a", "--load-size", "4097"], "--load-size 4097 is not from 0 to 4096"),
    ])
    func errorNamesBound(_ arguments: [String], _ part: String) throws {
        let outcome = try Program.run(arguments)
        #expect(outcome.status == 64 && outcome.errors.contains(part), "\(outcome.errors)")
    }

    /// Each option is valid, but together they need more memory than any machine has: rejected before allocating it.
    @Test(arguments: [
        ["--arch", "65536x1024x1"], ["--arch", "16384x20x8"],
        ["--batch-size", "65536", "--accumulate", "65536"],
        ["--global-crop-size", "4096", "--batch-size", "65536"],
    ])
    func rejectsTrainingBeyondMemory(_ options: [String]) throws {
        let training = try Training(count: 2)
        let outcome = try Program.run(
            ["train", training.pictures, "--output", training.folder["run"], "--preset", "quick"]
                + options)
        #expect(outcome.status == 1, "\(outcome.errors)")
        #expect(outcome.message?.contains("training cannot be run: ") == true, "\(outcome.errors)")
        #expect(training.folder.names(in: "run") == [])
    }

    /// With more neighbours than patches all patches are used, in memory proportional to their number.
    @Test func acceptsMoreNeighboursThanPatches() throws {
        let folder = TemporaryFolder()
        try folder.makeFolder("frames")
        for name in ["0", "1", "2"] {
            try Image(contentsOf: Fixtures.first).resized(width: 64, height: 64, using: .bilinear)
                .writePNG(to: folder["frames/\(name).png"])
        }
        let mask = (0..<4096).map { $0 % 64 < 32 ? UInt8(0) : 255 }
        try Image.writeGrayPNG(mask, width: 64, height: 64, to: folder["mask.png"])
        func masks(_ neighbours: String, _ reach: String) throws -> [Data] {
            let outcome = try Program.run([
                "video", folder["frames"], "--first-mask", folder["mask.png"], "--load-size", "64",
                "--neighbours", neighbours, "--reach", reach, "--output", folder["results"],
            ])
            #expect(outcome.status == 0, "\(outcome.errors)")
            return try ["1", "2"].map { try folder.data("results/masks/\($0).png") }
        }
        // 64 patches of 8 in each of the first and the previous frame.
        #expect(try masks("128", "8") == masks("1024", "4096"))
    }

    #if os(Linux)
        /// The program ends with an error message, not with a crash.
        @Test func reportsExhaustedMemory() throws {
            let folder = TemporaryFolder()
            try Image(width: 1200, height: 1200).writePNG(to: folder["large.png"])
            let program = Program.products.appendingPathComponent("dino-vit").path
            let outcome = try Program.run(
                [
                    "-c", #"ulimit -v 900000; exec "$0" "$@""#, program, "extract",
                    folder["large.png"],
                    "--load-size", "0", "--stride", "2", "--threads", "2", "--output",
                    folder["results"],
                ], name: "/bin/sh")
            #expect(outcome.status == 1, "\(outcome.errors)")
            #expect(outcome.message?.contains("no memory for") == true, "\(outcome.errors)")
            #expect(folder.names(in: "results") == [])
        }
    #endif
}
