import Foundation
import Testing

/// The program, started by a launcher, where the package was built with MPI by naming its implementation in the environment.
@Suite(
    .serialized,
    .enabled(
        if: ProcessInfo.processInfo.environment["DINO_VIT_MPI"] != nil, "needs a build with MPI"))
struct SeveralProcessesTests {
    private func run(_ count: Int, _ arguments: [String]) throws -> Program.Outcome {
        try Program.run(
            ["mpiexec", "-n", "\(count)", Program.products.appendingPathComponent("dino-vit").path]
                + arguments,
            name: "/usr/bin/env")
    }

    /// The lines of ours; launchers add their own.
    private func messages(_ outcome: Program.Outcome) -> [Substring] {
        outcome.errors.split(separator: "\n").filter { $0.hasPrefix("error: ") }
    }

    @Test func trainingIsIdenticalForAnyNumberOfProcesses() throws {
        let training = try Training()
        let options = ["--shares", "4", "--ibot-weight", "1", "--koleo-weight", "0.1"]
        #expect(try training.train("alone", epochs: 2, options).status == 0)
        for count in [2, 4] {
            let run = "run\(count)"
            let outcome = try self.run(count, training.arguments(run, epochs: 2, options))
            #expect(outcome.status == 0, "\(outcome.errors)")
            for file in ["teacher.safetensors", "checkpoint.safetensors", "loss.png"] {
                #expect(try training.data(run, file) == training.data("alone", file), "\(file)")
            }
            #expect(try training.log(run) == training.log("alone"))
        }
        // Resumed by another number of processes.
        #expect(
            try self.run(2, training.arguments("two", epochs: 1, ["--shares", "4"])).status == 0)
        let resumed = try self.run(4, training.arguments("two", epochs: 1, ["--resume"]))
        #expect(resumed.status == 0, "\(resumed.errors)")
    }

    @Test func brokenPictureOfOneProcessIsSkippedOnce() throws {
        let training = try Training()
        try training.folder.write([1, 2, 3], to: "pictures/12.png")
        #expect(try training.train("alone", epochs: 1, ["--shares", "8"]).status == 0)
        let outcome = try run(2, training.arguments("run", epochs: 1))
        #expect(outcome.status == 0)
        let skipped = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("skipped: ") }
        #expect(skipped.count == 1 && skipped[0].contains("12.png"), "\(outcome.errors)")
        #expect(
            try training.data("run", "teacher.safetensors")
                == training.data("alone", "teacher.safetensors"))
    }

    @Test func failuresAreReportedOnce() throws {
        let training = try Training()
        func expectMessage(_ text: String, _ count: Int, _ arguments: [String]) throws {
            let outcome = try run(count, arguments)
            #expect(outcome.status != 0)
            let messages = messages(outcome)
            #expect(messages.count == 1 && messages[0].contains(text), "\(outcome.errors)")
        }
        try expectMessage(
            "3 processes do not divide the 4 shares of a step; use 2", 3,
            training.arguments("run", epochs: 1, ["--shares", "4"]))
        try expectMessage(
            "the 8 pictures of a step do not divide into 16 shares; at most 8 are possible", 2,
            training.arguments("run", epochs: 1, ["--shares", "16"]))
        #expect(try run(2, training.arguments("run", epochs: 1)).status == 0)
        try expectMessage(
            "holds a run of 3 steps", 2, training.arguments("run", epochs: 1))
        try expectMessage("as one process", 2, ["weights", "info"])
    }

    @Test func extractionIsDealtOut() throws {
        let training = try Training(count: 5)
        func extract(_ folder: String) -> [String] {
            [
                "extract", training.pictures, "--load-size", "32", "--output",
                training.folder[folder],
            ]
        }
        let alone = try Program.run(extract("alone"))
        let outcome = try run(3, extract("run"))
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(
            outcome.output.replacingOccurrences(of: "/run/", with: "/alone/") == alone.output)
        let names = training.folder.names(in: "alone")
        #expect(names.count == 5 && training.folder.names(in: "run") == names)
        for name in names {
            #expect(try training.data("run", name) == training.data("alone", name))
        }
    }
}
