import DINO
import Foundation
import Images
import Testing

/// `train` with unusual folders of pictures and full disks.
@Suite struct TrainFailureTests {
    @Test func skipsUnreadablePictures() throws {
        let training = try Training()
        func write(_ bytes: some Sequence<UInt8>, _ name: String) throws {
            try training.folder.write(bytes, to: "pictures/" + name)
        }
        try write("a list of pictures".utf8, "readme.txt")
        try write("no picture".utf8, "text.jpg")
        try write([], "empty.png")
        let jpegs = try jpegs()
        for (name, bytes) in jpegs { try write(bytes, name + ".jpg") }
        let cmyk = try #require(jpegs["CMYK"])
        try write(cmyk.prefix(cmyk.count / 2), "truncated.jpg")
        try Image(width: 1, height: 1).writePNG(to: training.pictures + "/single.png")
        try Image.writeGrayPNG(
            [UInt8](repeating: 90, count: 600), width: 30, height: 20,
            to: training.pictures + "/gray.png")
        // 60 megapixels.
        try Image(width: 10_000, height: 6_000).writePNG(to: training.pictures + "/large.png")
        let outcome = try training.train("run", epochs: 2)
        #expect(outcome.status == 0, "\(outcome.errors)")
        for name in ["text.jpg", "empty.png", "truncated.jpg"] {
            #expect(outcome.errors.contains("skipped: \(training.pictures)/\(name)"), "\(name)")
        }
        #expect(!outcome.errors.contains("single") && !outcome.errors.contains("large"))
        #expect(outcome.output.contains("skipped 3 files"))
    }

    /// Small JPEG files of every kind, from the tests of decoding.
    private func jpegs() throws -> [String: Data] {
        struct Sample: Decodable {
            var name: String
            var file: Data
        }
        let path = URL(fileURLWithPath: Fixtures.folder).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("ImagesTests/Fixtures/jpeg.json")
        let samples = try JSONDecoder().decode([Sample].self, from: Data(contentsOf: path))
        return Dictionary(samples.map { ($0.name, $0.file) }) { first, _ in first }
    }

    @Test func rejectsFoldersWithoutPictures() throws {
        let folder = TemporaryFolder()
        try folder.makeFolder("none")
        for name in ["none", "missing"] {
            let outcome = try Program.run(
                ["train", folder[name], "--output", folder["run"], "--preset", "quick"])
            #expect(outcome.status == 1)
            #expect(outcome.message?.contains(folder[name]) == true, "\(outcome.errors)")
        }
        try folder.write("no picture".utf8, to: "none/text.jpg")
        let broken = try Program.run(
            ["train", folder["none"], "--output", folder["run"], "--preset", "quick"])
        #expect(broken.status == 1)
        #expect(broken.message?.contains("none of the 1 pictures") == true, "\(broken.errors)")
    }

    @Test func resumesAfterFullDisk() throws {
        let training = try Training()
        #expect(try training.train("whole", epochs: 8).status == 0)
        // Killed once the first checkpoint is written; then no file can grow.
        let process = try training.start("full", epochs: 8, ["--save-every", "3"])
        while !FileManager.default.fileExists(atPath: training.folder["full/loss.png"]) {
            usleep(500)
        }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        let names = ["checkpoint.safetensors", "teacher.safetensors", "loss.png"]
        let before = try names.map { try training.data("full", $0) }
        let full = try training.train(
            "full", epochs: 8, ["--resume", "--save-every", "1", "--quiet"], fillsDisk: true)
        #expect(full.status == 1)
        #expect(full.message?.contains("cannot be written") == true, "\(full.errors)")
        #expect(try names.map { try training.data("full", $0) } == before)
        #expect(training.folder.names(in: "full") == (names + ["log.jsonl"]).sorted())
        #expect(try training.train("full", epochs: 8, ["--resume"]).status == 0)
        for name in names {
            #expect(try training.data("full", name) == training.data("whole", name), "\(name)")
        }
        #expect(try training.log("full") == training.log("whole"))
    }

    #if os(Linux)
        /// A separate disk, with space for a checkpoint but not for a second one beside it.
        @Test func resumesAfterSmallDiskIsFull() throws {
            let training = try Training()
            let disk = training.folder["disk"]
            try training.folder.makeFolder("disk")
            guard call("mount", ["-t", "tmpfs", "-o", "size=12m", "tmpfs", disk]) else {
                print("resumesAfterSmallDiskIsFull: skipped, since mounting is not permitted")
                return
            }
            defer { _ = call("umount", [disk]) }
            let full = try training.train("disk/run", epochs: 8, ["--save-every", "3", "--quiet"])
            #expect(full.status == 1)
            #expect(full.message?.contains("No space left") == true, "\(full.errors)")
            let names = training.folder.names(in: "disk/run")
            #expect(names.filter { $0.contains(".part") } == [])
            try FileManager.default.copyItem(
                atPath: disk + "/run", toPath: training.folder["moved"])
            let moved = try training.train("moved", epochs: 8, ["--resume"])
            #expect(moved.status == 0, "\(moved.errors)")
            #expect(try training.train("whole", epochs: 8).status == 0)
            #expect(
                try training.data("moved", "teacher.safetensors")
                    == training.data("whole", "teacher.safetensors"))
        }

        private func call(_ program: String, _ arguments: [String]) -> Bool {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = [program] + arguments
            process.standardError = FileHandle.nullDevice
            guard (try? process.run()) != nil else { return false }
            process.waitUntilExit()
            return process.terminationStatus == 0
        }
    #endif

    @Test(arguments: [
        ["train"], ["train", "a"], ["train", "a", "--output", "b", "--arch", "huge"],
        ["train", "a", "--output", "b", "--arch", "10x2x3"],
        ["train", "a", "--output", "b", "--lr", "nan"],
        ["train", "a", "--output", "b", "--epochs", "0"],
        ["train", "a", "--output", "b", "--drop-path", "1"],
        ["train", "a", "--output", "b", "--global-crops-scale", "0.4"],
        ["train", "a", "--output", "b", "--local-crops-scale", "0.4", "0.1"],
        ["train", "a", "--output", "b", "--blur-radius", "2", "1"],
        ["train", "a", "--output", "b", "--optimizer", "adam"],
        ["train", "a", "--output", "b", "--preset", "huge"],
        ["train", "a", "--output", "b", "--teacher-temp", "0"],
        ["train", "a", "--output", "b", "--save-every", "0"],
    ])
    func rejectsInvalidCommandLines(_ arguments: [String]) throws {
        let outcome = try Program.run(arguments)
        #expect(outcome.status == 64)
        #expect(outcome.output == "" && outcome.errors != "")
    }

    /// Options that are valid one by one, but contradict each other or need missing files.
    @Test(arguments: [
        ["--local-crop-size", "4"], ["--warmup-epochs", "3"],
        ["--init-weights", "missing.pth"],
        ["--teacher-weights", Fixtures.weights, "--global-crop-size", "20"],
        ["--teacher-features", "missing"], ["--feature-layer", "-1"],
        ["--teacher-weights", Fixtures.weights, "--feature-layer", "9"],
    ])
    func rejectsInconsistentOptions(_ options: [String]) throws {
        let training = try Training()
        let outcome = try training.train("run", epochs: 2, options)
        #expect(outcome.status == 1 && outcome.message != nil, "\(outcome.errors)")
        #expect(!training.folder.names(in: "run").contains("checkpoint.safetensors"))
    }
}
