import DINO
import Foundation
import Images
import Tensors
import Testing
import ViT

/// `train` as a process: its files, and resuming wherever it was stopped.
@Suite struct TrainTests {
    private static let files = [
        "checkpoint.safetensors", "log.jsonl", "loss.png", "teacher.safetensors",
    ]

    @Test func writesFilesOfRun() throws {
        let training = try Training()
        let outcome = try training.train("run", epochs: 2)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("teacher.safetensors: ViT 32x2 (2 heads)/8, 6 steps"))
        #expect(training.folder.names(in: "run") == TrainTests.files)
        let lines = try training.log("run")
        #expect(lines.count == 6 && lines[0].hasPrefix("{\"step\":1,\"epoch\":1,\"loss\":"))
        #expect(lines[3].hasPrefix("{\"step\":4,\"epoch\":2,\"loss\":"))
        let plot = try Image(contentsOf: training.folder["run/loss.png"])
        #expect(plot.width == 1200)
        // Both are weight files that state the number of heads.
        let teacher = try WeightFile(contentsOf: training.folder["run/teacher.safetensors"])
        #expect(teacher.configuration.heads == 2 && teacher.leftOver.isEmpty)
        let checkpoint = try WeightFile(contentsOf: training.folder["run/checkpoint.safetensors"])
        #expect(checkpoint.source == "teacher")
        #expect(try checkpoint.network().tensors == teacher.network().tensors)
    }

    @Test func resumesAfterKillsAtRandomMoments() throws {
        let training = try Training()
        let epochs = 60
        #expect(try training.train("whole", epochs: epochs, ["--threads", "1"]).status == 0)
        var generator = SplitMix64(seed: 3)
        var kills = 0
        while kills < 20 {
            let process = try training.start(
                "killed", epochs: epochs,
                ["--resume", "--save-every", kills % 2 == 0 ? "1" : "4", "--threads", "2"])
            usleep(UInt32(20_000 + generator.nextIndex(below: 250_000)))
            guard process.isRunning else { break }
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            kills += 1
            for name in ["checkpoint", "teacher"] {
                let path = training.folder["killed/\(name).safetensors"]
                guard FileManager.default.fileExists(atPath: path) else { continue }
                _ = try WeightFile(contentsOf: path).network()
            }
        }
        #expect(kills >= 5)
        let last = try training.train("killed", epochs: epochs, ["--resume"])
        #expect(last.status == 0, "\(last.errors)")
        // Logs of processes that were killed before the first checkpoint are kept.
        let names = training.folder.names(in: "killed")
        #expect(names.filter { !$0.hasPrefix("log.jsonl.") } == TrainTests.files)
        for file in ["teacher.safetensors", "checkpoint.safetensors", "loss.png"] {
            #expect(try training.data("killed", file) == training.data("whole", file), "\(file)")
        }
        #expect(try training.log("killed") == training.log("whole"))
    }

    @Test func interruptionSavesRun() throws {
        let training = try Training()
        let process = try training.start("run", epochs: 2000)
        // Not a task's sleep, which may last until other tests leave a thread to it.
        while (try? training.log("run").count) ?? 0 < 5 { Thread.sleep(forTimeInterval: 0.005) }
        kill(process.processIdentifier, SIGINT)
        process.waitUntilExit()
        #expect(process.terminationStatus == 1)
        let errors = String(decoding: try training.folder.data("errors"), as: UTF8.self)
        let message = try #require(errors.split(separator: "\n").last)
        #expect(
            message.hasPrefix("error: interrupted after step ") && message.hasSuffix("--resume"))
        let steps = try training.log("run").count
        #expect(message.contains("step \(steps) of 6000"))
        #expect(training.folder.names(in: "run") == TrainTests.files)
    }

    @Test func resumesOnlySameRun() throws {
        let training = try Training()
        #expect(try training.train("run", epochs: 2).status == 0)
        let before = try training.data("run", "checkpoint.safetensors")
        let again = try training.train("run", epochs: 2)
        #expect(
            again.status == 1
                && again.message?.contains("6 steps; resume it or choose") == true
                && again.message?.hasSuffix(" (--resume, --output)") == true)
        let longer = try training.train("run", epochs: 3, ["--resume"])
        #expect(longer.message?.contains("epochs 3, not 2") == true, "\(longer.errors)")
        let complete = try training.train("run", epochs: 2, ["--resume"])
        #expect(complete.status == 0 && complete.output.contains("complete after 6 steps"))
        // Only the folders are required.
        let plain = try Program.run(
            ["train", training.pictures, "--output", training.folder["run"], "--resume"])
        #expect(plain.status == 0 && plain.output.contains("complete after 6 steps"))
        try Image(width: 9, height: 9).writePNG(to: training.pictures + "/new.png")
        let pictures = try training.train("run", epochs: 2, ["--resume"])
        #expect(pictures.message?.contains("over 24 pictures, but 25 are there now") == true)
        #expect(try training.data("run", "checkpoint.safetensors") == before)
    }

    @Test func startsFromOrDistilsOtherWeights() throws {
        let training = try Training()
        #expect(try training.train("first", epochs: 1).status == 0)
        let weights = training.folder["first/teacher.safetensors"]
        let warm = try training.train(
            "warm", epochs: 1, ["--init-weights", weights, "--freeze-backbone", "0.9"])
        #expect(warm.status == 0, "\(warm.errors)")
        // In its three steps just the head is trained.
        let checkpoint = try TensorFile(contentsOf: training.folder["warm/checkpoint.safetensors"])
        for (name, tensor) in try WeightFile(contentsOf: weights).network().tensors {
            #expect(try checkpoint.tensor(named: "student.backbone." + name) == tensor, "\(name)")
        }
        let misfit = try training.train(
            "misfit", epochs: 1, ["--init-weights", weights, "--arch", "64x2x2"])
        #expect(misfit.status == 1 && misfit.message?.contains("not --arch 64x2x2") == true)
        for teacher in ["checkpoint", "teacher"] {
            let options = ["--teacher-weights", training.folder["first/\(teacher).safetensors"]]
            let run = "from \(teacher)"
            let distilled = try training.train(run, epochs: 2, options)
            #expect(distilled.status == 0, "\(distilled.errors)")
            #expect(distilled.output.contains("teacher.safetensors"))
            let student = training.folder[run + "/student.safetensors"]
            #expect(
                try WeightFile(contentsOf: student).network().tensors
                    != WeightFile(contentsOf: weights).network().tensors)
            let again = try training.train(run, epochs: 2, options + ["--resume"])
            #expect(again.status == 0 && again.output.contains("complete"), "\(again.errors)")
            let alone = try training.train(run, epochs: 2, ["--resume"])
            #expect(alone.message?.contains("give the teacher again by --teacher-weights") == true)
        }
    }

    /// The files are like those that another program would write.
    @Test func learnsFeaturesFromFiles() throws {
        let training = try Training()
        for folder in ["maps", "saliency"] {
            try training.folder.makeFolder(folder)
        }
        for name in training.folder.names(in: "pictures") {
            var noise = SplitMix64(seed: UInt64(name.count))
            let map = Tensor(shape: [3, 4, 5]) { elements in
                for i in elements.indices { elements[i] = Float(noise.nextNormal()) }
            }
            for (folder, values) in [
                ("maps", map), ("saliency", Tensor(repeating: 1, shape: [3, 4])),
            ] {
                try values.writeNPY(to: training.folder["\(folder)/\(name).npy"])
            }
        }
        let options = [
            "--teacher-features", training.folder["maps"], "--teacher-saliency",
            training.folder["saliency"], "--feature-layer", "-1", "--feature-layer", "1:key",
        ]
        let outcome = try training.train("run", epochs: 2, options)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let last = try #require(try training.log("run").last)
        for part in ["patches", "classToken", "attention"] {
            #expect(last.contains("\"\(part)\":"), "\(last)")
        }
        let checkpoint = try TensorFile(contentsOf: training.folder["run/checkpoint.safetensors"])
        #expect(checkpoint.shape(of: "student.distillation.patches.1.weight") == [5, 32])
        let student = try WeightFile(contentsOf: training.folder["run/student.safetensors"])
        #expect(student.leftOver.isEmpty)
        try FileManager.default.removeItem(atPath: training.folder["maps/12.png.npy"])
        let missing = try training.train("other", epochs: 1, options)
        #expect(missing.status == 1 && missing.message?.contains("maps/12.png.npy") == true)
    }

    /// The crops are normalised as the initial weights require, and a single epoch is enough to change these.
    @Test func initialWeightsDetermineTheNormalization() throws {
        let training = try Training()
        #expect(try training.train("first", epochs: 1).status == 0)
        let weights = training.folder["weights.safetensors"]
        let converted = try Program.run(
            [
                "weights", "convert", training.folder["first/teacher.safetensors"], weights,
                "--metadata", "image_mean=0.5 0.5 0.5", "--metadata", "image_std=0.2 0.2 0.2",
            ])
        #expect(converted.status == 0)
        let outcome = try training.train("second", epochs: 1, ["--init-weights", weights])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let checkpoint = training.folder["second/checkpoint.safetensors"]
        let text = try #require(
            try TensorFile(contentsOf: checkpoint).metadata["configuration"])
        let configuration = try JSONDecoder().decode(
            TrainingConfiguration.self, from: Data(text.utf8))
        #expect(configuration.crops.mean == [0.5, 0.5, 0.5])
        #expect(configuration.crops.standardDeviation == [0.2, 0.2, 0.2])
        let name = "blocks.0.attn.qkv.weight"
        let before = try TensorFile(contentsOf: weights).tensor(named: name)
        let after = try TensorFile(contentsOf: checkpoint).tensor(
            named: "student.backbone." + name)
        #expect(before != after)
    }

    /// At a low temperature the weights of most prototypes vanish in single precision.
    @Test func balancesTargetsAtLowTemperatures() throws {
        let training = try Training()
        let outcome = try training.train(
            "sharp", epochs: 1,
            [
                "--centering", "sinkhorn-knopp", "--teacher-temp", "0.0015",
                "--warmup-teacher-temp", "0.0015", "--out-dim", "4096",
            ])
        #expect(outcome.status == 0, "\(outcome.errors)")
    }

    /// A finished run can be resumed whichever parameters its objectives use.
    @Test func resumesWithUnusedParameters() throws {
        let training = try Training()
        #expect(try training.train("masked", epochs: 1, ["--ibot-weight", "1"]).status == 0)
        let weights = training.folder["masked/teacher.safetensors"]
        for (run, options) in [
            ("unmasked", ["--init-weights", weights]),
            // In the first epoch, when the network is frozen, no parameter is trained.
            (
                "looking",
                [
                    "--init-weights", weights, "--teacher-weights", weights, "--patch-weight", "0",
                    "--class-weight", "0", "--attention-weight", "1",
                ]
            ),
            (
                "half",
                [
                    "--teacher-weights", weights, "--feature-layer", "0", "--class-weight", "0",
                    "--attention-weight", "0",
                ]
            ),
        ] {
            let outcome = try training.train(run, epochs: 2, options)
            #expect(outcome.status == 0, "\(outcome.errors)")
            let again = try training.train(run, epochs: 2, options + ["--resume"])
            #expect(again.status == 0 && again.output.contains("complete"), "\(again.errors)")
        }
    }

    @Test func defaultsDependOnNumberOfPictures() throws {
        let training = try Training(count: 16)
        let outcome = try Program.run([
            "train", training.pictures, "--output", training.folder["run"], "--preset", "auto",
            "--arch", "32x2x2", "--epochs", "1", "--batch-size", "8", "--ibot-weight", "1",
            "--koleo-weight", "0.1", "--centering", "sinkhorn-knopp", "--teacher-temp", "0.03",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(
            outcome.errors.contains(
                "for 16 pictures: 1024 outputs, teacher temperature 0.02"))
        let checkpoint = try TensorFile(contentsOf: training.folder["run/checkpoint.safetensors"])
        #expect(checkpoint.shape(of: "student.head.last_layer.weight_v")?[0] == 1024)
        #expect(checkpoint.names.contains("student.backbone.mask_token"))
    }

    @Test func rejectsInvalidCheckpoints() throws {
        let training = try Training()
        #expect(try training.train("run", epochs: 1).status == 0)
        let whole = try training.data("run", "checkpoint.safetensors")
        let path = "run/checkpoint.safetensors"
        try training.folder.write(whole.prefix(whole.count / 2), to: path)
        let cut = try training.train("run", epochs: 1, ["--resume"])
        #expect(cut.status == 1 && cut.message?.contains("checkpoint.safetensors") == true)
        try training.folder.write(try training.data("run", "teacher.safetensors"), to: path)
        let other = try training.train("run", epochs: 1, ["--resume"])
        #expect(other.message?.contains("not a training checkpoint") == true, "\(other.errors)")
        // A checkpoint that claims a million prototypes, which is within the bound.
        let place = try #require(whole.range(of: Data(#"\"prototypes\":64"#.utf8)))
        var huge = whole
        huge.replaceSubrange(place, with: Data(#"\"prototypes\":1000000"#.utf8))
        var fixed = huge
        // The header has grown by the inserted digits.
        let grown = UInt64(huge.count - whole.count)
        let length = whole.prefix(8).enumerated().reduce(UInt64(0)) {
            $0 | UInt64($1.1) << (8 * $1.0)
        }
        for byte in 0..<8 {
            fixed[byte] = UInt8(truncatingIfNeeded: (length + grown) >> (8 * byte))
        }
        try training.folder.write(fixed, to: path)
        let claims = try Program.run(
            ["train", training.pictures, "--output", training.folder["run"], "--resume"])
        #expect(
            claims.message?.contains("student.head.… has") == true, "\(claims.errors)")
    }

    @Test func warnsOfCollapse() throws {
        let training = try Training()
        let sound = try training.train("sound", epochs: 34)
        #expect(sound.status == 0 && !sound.errors.contains("warning"), "\(sound.errors)")
        let sharp = try training.train(
            "sharp", epochs: 34, ["--momentum-teacher", "0", "--center-momentum", "1"])
        #expect(sharp.errors.contains("all pictures are assigned to one prototype"))
        #expect(sharp.errors.contains("the centre's momentum") && sharp.output.contains("watch"))
        // A rate of 320 for 256 pictures is 10 for 8.
        let fast = try training.train("fast", epochs: 34, ["--lr", "320"])
        #expect(fast.errors.contains("the learning rate of 10"), "\(fast.errors)")
        let black = try Training(black: true)
        let blank = try black.train("blank", epochs: 34)
        #expect(blank.errors.contains("the pictures are blank"), "\(blank.errors)")
        for errors in [sharp.errors, fast.errors, blank.errors] {
            // Within a hundred steps.
            let found = try #require(errors.firstMatch(of: /(warning:|stopped at) step ([0-9]+)/))
            #expect(try #require(Int(found.2)) <= 100)
        }
    }
}
