import DINO
import Foundation
import Images
import Tensors
import Testing
import ViT

/// `train` on the folder of an earlier run: after a process that was killed at any moment, and after changes to the files by
/// users and disks.
@Suite struct TrainResumeTests {
    private static let results = ["teacher.safetensors", "loss.png"]

    /// The results are missing, older or damaged, as after a kill between writing the last checkpoint and its results.
    @Test(arguments: [0, 1])
    func restoresResultsOfFinishedRun(distilled: Int) throws {
        let training = try Training()
        var options: [String] = []
        var results = Self.results
        if distilled == 1 {
            #expect(try training.train("master", epochs: 1).status == 0)
            let teacher = training.folder["master/checkpoint.safetensors"]
            options = ["--teacher-weights", teacher]
            results.append("student.safetensors")
        }
        #expect(try training.train("run", epochs: 2, options).status == 0)
        #expect(try training.train("older", epochs: 1, options).status == 0)
        let whole = try results.map { try training.data("run", $0) }
        for (index, name) in results.enumerated() {
            let file = "run/" + name
            let damages: [() throws -> Void] = [
                { try FileManager.default.removeItem(atPath: training.folder[file]) },
                { try training.folder.write(try training.data("older", name), to: file) },
                { try training.folder.write(whole[index].dropLast(50), to: file) },
                { try training.folder.write([], to: file) },
                { try training.folder.write([1], to: file + ".123.partial") },
            ]
            for damage in damages {
                try damage()
                let outcome = try training.train("run", epochs: 2, options + ["--resume"])
                #expect(outcome.status == 0, "\(outcome.errors)")
                #expect(try results.map { try training.data("run", $0) } == whole)
                #expect(training.folder.names(in: "run").count == 2 + results.count)
            }
        }
    }

    /// Before a resumed run takes a step, its results are those of the checkpoint.
    @Test func restoresResultsOfUnfinishedRun() throws {
        let training = try Training()
        #expect(try training.train("older", epochs: 1).status == 0)
        try training.stop("run", SIGINT)
        let plot = try training.data("run", "loss.png")
        for name in Self.results {
            try training.folder.write(try training.data("older", name), to: "run/" + name)
        }
        // Killed before it saves again.
        try training.stop("run", SIGKILL, ["--resume", "--save-every", "1000000"])
        let checkpoint = try WeightFile(contentsOf: training.folder["run/checkpoint.safetensors"])
        let teacher = try WeightFile(contentsOf: training.folder["run/teacher.safetensors"])
        #expect(try teacher.network().tensors == checkpoint.network().tensors)
        #expect(try training.data("run", "loss.png") == plot)
    }

    /// The disk may be unmounted, or the checkpoint moved away.
    @Test func doesNotReplaceResultsWithoutCheckpoint() throws {
        let training = try Training()
        #expect(try training.train("run", epochs: 1).status == 0)
        let names = training.folder.names(in: "run")
        let others = names.filter { $0 != "checkpoint.safetensors" }
        let before = try others.map { try training.data("run", $0) }
        let checkpoint = training.folder["run/checkpoint.safetensors"]
        try FileManager.default.moveItem(atPath: checkpoint, toPath: training.folder["moved"])
        func expectError(_ text: String, _ count: Int) throws {
            for options in [[], ["--resume"]] {
                let outcome = try training.train("run", epochs: 1, options)
                #expect(outcome.status == 1)
                #expect(outcome.message?.contains(text) == true, "\(outcome.errors)")
                #expect(try others.map { try training.data("run", $0) } == before)
                #expect(training.folder.names(in: "run").count == count)
            }
        }
        try expectError("teacher.safetensors would be replaced; put the checkpoint back", 3)
        for target in [training.folder["missing/checkpoint"], "missing", "checkpoint.safetensors"] {
            try FileManager.default.createSymbolicLink(
                atPath: checkpoint, withDestinationPath: target)
            try expectError("checkpoint.safetensors cannot be read: it is a link", 4)
            try FileManager.default.removeItem(atPath: checkpoint)
        }
        // The disk is mounted again.
        try FileManager.default.createSymbolicLink(
            atPath: checkpoint, withDestinationPath: training.folder["moved"])
        let outcome = try training.train("run", epochs: 1, ["--resume"])
        #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
        #expect(try others.map { try training.data("run", $0) } == before)
    }

    /// The process was killed before the first checkpoint.
    @Test func keepsLogsWithoutCheckpoint() throws {
        let training = try Training()
        let options = ["--save-every", "1000000"]
        try training.stop("run", SIGKILL, options)
        #expect(training.folder.names(in: "run") == ["log.jsonl"])
        let first = try training.data("run", "log.jsonl")
        try training.stop("run", SIGKILL, options + ["--resume"])
        let errors = String(decoding: try training.folder.data("errors"), as: UTF8.self)
        #expect(errors.contains("run holds no checkpoint to resume from; training starts anew\n"))
        #expect(errors.contains("is kept as \(training.folder["run/log.jsonl.1"])\n"))
        #expect(try training.data("run", "log.jsonl.1") == first)
        let second = try training.data("run", "log.jsonl")
        let last = try training.train("run", epochs: 1, ["--resume", "--quiet"])
        #expect(last.status == 0 && last.errors == "", "\(last.errors)")
        #expect(try training.data("run", "log.jsonl.1") == first)
        #expect(try training.data("run", "log.jsonl.2") == second)
        #expect(try training.log("run").count == 3)
    }

    /// A log without some of the steps does not replace the plot of all.
    @Test func keepsPlotIfLogEndsEarly() throws {
        let training = try Training()
        #expect(try training.train("run", epochs: 2).status == 0)
        let plot = try training.data("run", "loss.png")
        let log = try training.data("run", "log.jsonl")
        for length in [0, log.count / 2] {
            let rest = log.prefix(length)
            try training.folder.write(rest, to: "run/log.jsonl")
            let outcome = try training.train("run", epochs: 2, ["--resume", "--quiet"])
            let step = rest.count { $0 == UInt8(ascii: "\n") }
            #expect(outcome.status == 0)
            #expect(
                outcome.errors.hasPrefix("warning: ")
                    && outcome.errors.contains(
                        "log.jsonl ends at step \(step), but the checkpoint is at step 6"),
                "\(outcome.errors)")
            #expect(try training.data("run", "loss.png") == plot)
        }
    }

    /// The preset sets what the run's own options changed.
    @Test func presetWithoutTheRunsOptionsIsNamed() throws {
        let training = try Training()
        #expect(try training.train("run", epochs: 1).status == 0)
        let resume = ["train", training.pictures, "--output", training.folder["run"], "--resume"]
        for preset in ["quick", "small", "distillation"] {
            let outcome = try Program.run(resume + ["--preset", preset])
            #expect(outcome.status == 1)
            #expect(
                outcome.message?.contains("those of --preset \(preset) (") == true
                    && outcome.message?.contains("omit --preset") == true, "\(outcome.errors)")
        }
        #expect(try Program.run(resume).status == 0)
    }

    @Test func warnsOfChangedPictures() throws {
        let training = try Training()
        try training.stop("run", SIGINT)
        func resume(_ run: String = "run") throws -> String {
            try training.stop(run, SIGKILL, ["--resume", "--save-every", "1000000", "--quiet"])
            return String(decoding: try training.folder.data("errors"), as: UTF8.self)
        }
        // A copy, with different modification times.
        let copy = training.folder["copy"]
        try FileManager.default.moveItem(atPath: training.pictures, toPath: copy)
        try FileManager.default.copyItem(atPath: copy, toPath: training.pictures)
        #expect(try resume() == "")
        func change(_ name: String, _ body: (inout Data) -> Void) throws {
            var bytes = try training.data("pictures", name)
            body(&bytes)
            try training.folder.write(bytes, to: "pictures/" + name)
        }
        // One byte of a checksum; a picture under the name of another; a file that is no longer a picture.
        try change("20.png") { $0[$0.count - 20] ^= 1 }
        let first = "\(training.pictures)/20.png"
        #expect(try resume().hasPrefix("warning: 1 of 24 pictures changed"))
        #expect(try resume().contains("the first being \(first);"))
        try change("33.png") { $0 = (try? training.data("pictures", "31.png")) ?? Data() }
        try change("30.png") { $0 = Data() }
        #expect(try resume().hasPrefix("warning: 3 of 24 pictures changed"))
        // Checkpoints of earlier versions have no digests.
        let file = try TensorFile(contentsOf: training.folder["run/checkpoint.safetensors"])
        let digests = "pictures.contents"
        #expect(file.shape(of: digests) == [24])
        var tensors: [String: Tensor] = [:]
        for name in file.names where name != digests {
            tensors[name] = try file.tensor(named: name)
        }
        try Safetensors.write(tensors, metadata: file.metadata, to: file.path)
        #expect(try resume() == "")
        // A new checkpoint has the digests of the current pictures.
        try training.stop("run", SIGINT, ["--resume"])
        #expect(try resume() == "")
        tensors[digests] = Tensor(repeating: 0, shape: [23])
        try Safetensors.write(tensors, metadata: file.metadata, to: file.path)
        let broken = try training.train("run", epochs: 2000, ["--resume"])
        #expect(
            broken.message?.contains("\(digests) is 23, expected 24") == true,
            "\(broken.errors)")
    }

    /// Numbers that a diverging training may log.
    @Test func plotsExtremeNumbers() throws {
        let training = try Training()
        #expect(try training.train("run", epochs: 2).status == 0)
        let log = String(decoding: try training.data("run", "log.jsonl"), as: UTF8.self)
        for number in ["3e38", "1e300", "-4e20", "1e-300", "null"] {
            var edited = log
            for key in ["loss", "rank", "teacherEntropy"] {
                edited.replace(try Regex("\"\(key)\":[^,]*"), with: "\"\(key)\":\(number)")
            }
            try training.folder.write(edited.utf8, to: "run/log.jsonl")
            let outcome = try training.train("run", epochs: 2, ["--resume", "--quiet"])
            #expect(outcome.status == 0, "\(number): \(outcome.errors)")
        }
    }

    /// SIGHUP comes from a closed terminal, SIGUSR1 from a batch system.
    @Test(arguments: [SIGINT, SIGTERM, SIGHUP, SIGUSR1])
    func signalSavesRun(_ signal: Int32) throws {
        let training = try Training()
        try training.stop("run", signal)
        let errors = String(decoding: try training.folder.data("errors"), as: UTF8.self)
        let message = try #require(errors.split(separator: "\n").last)
        let steps = try training.log("run").count
        #expect(message.hasPrefix("error: interrupted after step \(steps) of 6000"))
        #expect(training.folder.names(in: "run").count == 4)
    }

    /// As under nohup.
    @Test func ignoredHangupDoesNotStopTraining() throws {
        let training = try Training()
        let program = Program.products.appendingPathComponent("dino-vit").path
        let run = training.folder["run"]
        // A checkpoint is written only when the run is to end.
        let script = """
            trap '' HUP; "$@" & until [ -s '\(run)/log.jsonl' ]; do sleep 0.05; done
            kill -HUP $!; sleep 1; ! [ -e '\(run)/checkpoint.safetensors' ] || exit 9
            kill -TERM $!; wait $!
            """
        let outcome = try Program.run(
            ["-c", script, "sh", program]
                + training.arguments("run", epochs: 2000, ["--save-every", "1000000"]),
            name: "/bin/sh")
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("interrupted after step"), "\(outcome.errors)")
    }
}

extension Training {
    /// Trains until a step was taken, then stops the process with a signal.
    fileprivate func stop(_ run: String, _ signal: Int32, _ more: [String] = []) throws {
        func lines() -> Int { (try? log(run).count) ?? 0 }
        let file = folder[run + "/log.jsonl"]
        let before = (try? FileManager.default.attributesOfItem(atPath: file)) ?? [:]
        let number = before[.systemFileNumber] as? Int
        let count = lines()
        let process = try start(run, epochs: 2000, more)
        func isNewLog() -> Bool {
            let now = (try? FileManager.default.attributesOfItem(atPath: file)) ?? [:]
            return now[.systemFileNumber] as? Int != number
        }
        while process.isRunning, isNewLog() ? lines() == 0 : lines() <= count { usleep(5_000) }
        kill(process.processIdentifier, signal)
        process.waitUntilExit()
    }
}
