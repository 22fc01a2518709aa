import Foundation
import Images
import Testing

/// Mistakes of a user: status 1 with one line on standard error, or 64 for an invalid command line, and nothing left behind.
@Suite struct FailureTests {
    let folder = TemporaryFolder()

    private func extract(_ arguments: [String]) throws -> Program.Outcome {
        try Program.run(
            ["extract"] + arguments + Fixtures.network + ["--output", folder["results"]])
    }

    @Test func rejectsUnreadablePictures() throws {
        let whole = try Data(contentsOf: URL(fileURLWithPath: Fixtures.first))
        try folder.write(whole.prefix(4000), to: "cut.png")
        try folder.write("no picture".utf8, to: "text.png")
        try folder.write([], to: "empty.png")
        for name in ["cut.png", "text.png", "empty.png"] {
            let outcome = try extract([folder[name]])
            #expect(outcome.status == 1)
            #expect(outcome.message?.contains(folder[name]) == true, "\(outcome.errors)")
            for command in ["saliency", "attention"] {
                let other = try Program.run(
                    [command, folder[name]] + Fixtures.network + ["--output", folder["results"]])
                #expect(other.status == 1 && other.message != nil)
            }
            for pair in [[folder[name], Fixtures.first], [Fixtures.first, folder[name]]] {
                let match = try Program.run(
                    ["match"] + pair + Fixtures.network + ["--output", folder["results"]])
                #expect(match.status == 1 && match.message?.contains(folder[name]) == true)
            }
        }
        #expect(folder.names(in: "results") == [])
    }

    @Test func unreadablePictureDoesNotAffectOthers() throws {
        try folder.write("no picture".utf8, to: "text.png")
        let outcome = try extract([Fixtures.first, folder["text.png"], Fixtures.second])
        #expect(outcome.status == 1)
        #expect(outcome.message?.hasPrefix("error: 1 of 3 pictures") == true)
        #expect(outcome.message?.contains(folder["text.png"]) == true)
        #expect(folder.names(in: "results") == ["first.npy", "second.npy"])
    }

    /// One is smaller than a patch, the other so long that it would take gigabytes in the network.
    @Test func rejectsPicturesOfUnusableSize() throws {
        try Image(width: 7, height: 300).writePNG(to: folder["small.png"])
        try Image(width: 30_000, height: 1).writePNG(to: folder["long.png"])
        let small = try Program.run(
            ["saliency", folder["small.png"], "--load-size", "0"]
                + ["--weights", Fixtures.weights, "--heads", "6", "--output", folder["results"]])
        #expect(small.status == 1 && small.message?.contains("small.png") == true)
        let long = try Program.run(
            ["saliency", folder["long.png"], "--load-size", "224"]
                + ["--weights", Fixtures.weights, "--heads", "6", "--output", folder["results"]])
        #expect(long.status == 1 && long.message?.contains("long.png") == true)
        #expect(folder.names(in: "results") == [])
    }

    @Test func rejectsMissingFilesAndEmptyFolders() throws {
        try folder.makeFolder("none")
        for name in ["missing.png", "none"] {
            let outcome = try extract([Fixtures.first, folder[name]])
            #expect(outcome.status == 1)
            #expect(outcome.message?.contains(folder[name]) == true, "\(outcome.errors)")
        }
        let match = try Program.run(
            ["match", Fixtures.first, folder["missing.png"]] + Fixtures.network
                + ["--output", folder["results"]])
        #expect(match.status == 1 && match.message?.contains(folder["missing.png"]) == true)
        #expect(folder.names(in: "results") == [])
    }

    /// Neither the result of another picture with the same name nor an input is replaced.
    @Test func resultsReplaceNeitherResultsNorInputs() throws {
        try FileManager.default.copyItem(atPath: Fixtures.second, toPath: folder["first.png"])
        let twice = try extract([Fixtures.first, folder["first.png"]])
        #expect(twice.status == 1 && twice.message?.contains(Fixtures.first) == true)
        #expect(folder.names(in: "results") == [])

        let input = folder["first.saliency.png"]
        try FileManager.default.copyItem(atPath: Fixtures.second, toPath: input)
        let before = try folder.data("first.saliency.png")
        let over = try Program.run(
            ["saliency", folder["first.png"], input] + Fixtures.network
                + ["--output", folder.url.path])
        #expect(over.status == 1 && over.message?.contains(input) == true)
        #expect(try folder.data("first.saliency.png") == before)

        let same = try Program.run(
            ["weights", "convert", Fixtures.weights, Fixtures.weights, "--heads", "6"])
        #expect(same.status == 1 && same.message?.contains("is an input") == true)
    }

    /// Dispatch would crash without descriptors for its own files.
    @Test(arguments: [5, 12])
    func reportsTooFewDescriptors(limit: Int) throws {
        let program = Program.products.appendingPathComponent("dino-vit").path
        let outcome = try Program.run(
            [
                "-c", "ulimit -n \(limit); exec \"$@\"", "sh", program, "segment", Fixtures.first,
                Fixtures.second, "--output", folder["results"],
            ], name: "/bin/sh")
        #expect(outcome.status == 1)
        #expect(outcome.message?.contains("may not open 16 files") == true, "\(outcome.errors)")
        #expect(folder.names(in: "results") == [])
    }

    @Test func reportsUnwritableOutput() throws {
        try folder.write("a file".utf8, to: "results")
        let file = try extract([Fixtures.first])
        #expect(file.status == 1 && file.message?.contains(folder["results"]) == true)
        // There is a folder with the name of the result.
        try folder.makeFolder("taken/first.npy")
        let taken = try Program.run(
            ["extract", Fixtures.first] + Fixtures.network + ["--output", folder["taken"]])
        #expect(taken.status == 1 && taken.message?.contains("first.npy") == true)
        #expect(folder.names(in: "taken") == ["first.npy"])
        try folder.makeFolder("reports/matches.json")
        let report = try Program.run(
            ["match", Fixtures.first, Fixtures.second] + Fixtures.network
                + ["--output", folder["reports"]])
        #expect(report.status == 1 && report.message?.contains("matches.json") == true)
        #expect(folder.names(in: "reports") == ["matches.json", "matches.png"])
        #if os(Linux)
            let full = try Program.run(
                ["weights", "info", Fixtures.weights, "--heads", "6"], output: "/dev/full")
            #expect(full.status == 1 && full.message?.contains("standard output") == true)
        #endif
    }

    @Test func reportsFullDisk() throws {
        let photos = [Fixtures.first, Fixtures.second]
        let options = Fixtures.network + ["--stride", "4", "--output", folder["results"]]
        for arguments in [
            ["extract"] + photos + options, ["saliency"] + photos + options,
            ["attention"] + photos + options, ["match"] + photos + options,
            ["inspect"] + photos + options,
            ["weights", "convert", Fixtures.weights, folder["converted"], "--heads", "6"],
        ] {
            let outcome = try Program.run(arguments, fillsDisk: true)
            #expect(outcome.status == 1)
            #expect(outcome.message?.contains("cannot be written") == true, "\(outcome.errors)")
        }
        // The small arrays of the first picture fit and are complete; the files after them do not fit.
        #expect(folder.names(in: "results") == ["first.attention.npy", "first.saliency.npy"])
        #expect(try Array32(folder["results/first.attention.npy"]).shape == [6, 11, 15])
        #expect(try Array32(folder["results/first.saliency.npy"]).shape == [11, 15])
        #expect(!folder.names().contains { $0.hasPrefix("converted") })
    }

    @Test func rejectsInvalidWeightFiles() throws {
        try folder.write("no weights".utf8, to: "text.pth")
        let whole = try Data(contentsOf: URL(fileURLWithPath: Fixtures.weights))
        try folder.write(whole.prefix(100_000), to: "cut.pth")
        // The beginning of torch.save's legacy format, then a call of posix.system that would create a file.
        let command = Array("touch \(folder["called"])".utf8)
        let magic: [UInt8] = [
            0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e,
        ]
        let head: [UInt8] = magic + [0x80, 2, 0x4d, 0xe9, 3, 0x2e] + [0x80, 2, 0x7d, 0x2e]
        let call = Array("cposix\nsystem\nX".utf8) + [UInt8(command.count), 0, 0, 0] + command
        try folder.write(head + [0x80, 2] + call + [0x85, 0x52, 0x2e], to: "hostile.pth")
        for name in ["text.pth", "cut.pth", "hostile.pth", "missing.pth"] {
            let options = ["--weights", folder[name], "--output", folder["results"]]
            for arguments in [
                ["extract", Fixtures.first] + options,
                ["match", Fixtures.first, Fixtures.second] + options,
                ["weights", "info", folder[name]],
                ["weights", "convert", folder[name], folder["converted"]],
            ] {
                let outcome = try Program.run(arguments)
                #expect(outcome.status == 1)
                #expect(outcome.message?.contains(folder[name]) == true, "\(outcome.errors)")
            }
        }
        #expect(folder.names(in: "results") == [])
        #expect(!folder.names().contains("called") && !folder.names().contains("converted"))
    }

    /// The status is 1, since the command lines are valid for other networks.
    @Test(arguments: [["--layer", "2"], ["--stride", "9"], ["--heads", "5"]])
    func rejectsOptionsThatDoNotFitNetwork(_ options: [String]) throws {
        let heads = options[0] == "--heads" ? [] : ["--heads", "6"]
        for command in [
            ["extract", Fixtures.first], ["match", Fixtures.first, Fixtures.second],
            ["inspect", Fixtures.first, Fixtures.second],
        ] {
            let outcome = try Program.run(
                command + ["--weights", Fixtures.weights, "--output", folder["results"]] + heads
                    + options)
            #expect(outcome.status == 1)
            #expect(outcome.message?.contains(options[1]) == true, "\(outcome.errors)")
        }
        #expect(folder.names(in: "results") == [])
    }

    @Test(arguments: [
        ["extract"], ["extract", "--weights", "w"], ["extract", "a.png", "--heads", "3"],
        ["extract", "a.png", "--weights", "w", "--stride", "0"],
        ["extract", "a.png", "--weights", "w", "--layer", "-1"],
        ["extract", "a.png", "--weights", "w", "--facet", "colour"],
        ["extract", "a.png", "--weights", "w", "--threads", "0"],
        ["extract", "a.png", "--weights", "w", "--heads", "0"],
        ["extract", "a.png", "--weights", "w", "--load-size=-1"],
        ["extract", "a.png", "--weights", "w", "--load-size", "wide"],
        ["extract", "a.png", "--weights", "w", "--bin", "--include-cls"],
        ["saliency", "a.png", "--weights", "w", "--stride", "-4"],
        ["attention", "a.png", "--weights", "w", "--layer=-1025"],
        ["match", "a.png", "--weights", "w"], ["match", "a.png", "b.png", "c.png"],
        ["match", "a.png", "b.png", "--weights", "w", "--pairs", "0"],
        ["match", "a.png", "b.png", "--weights", "w", "--threshold", "nan"],
        ["match", "a.png", "b.png", "--weights", "w", "--seed=-1"],
        ["inspect", "a.png", "--stride", "4"], ["inspect", "a.png", "b.png", "c.png"],
        ["inspect", "a.png", "b.png", "--weights", "w", "--stride", "0"],
        ["weights", "info", "--heads", "3"], ["weights", "convert", "w"],
        ["weights", "convert", "w", "v", "--metadata", "text"],
        ["weights", "info", "w", "--heads=0"],
        ["evaluate", "knn", "--train", "a"],
        ["evaluate", "knn", "--train", "a", "--test", "b", "--weights", "w", "--k", "0"],
        ["evaluate", "knn", "--train", "a", "--test", "b", "--weights", "w", "--crop-size", "257"],
        ["evaluate", "knn", "--train", "a", "--test", "b", "--weights", "w", "--temperature", "0"],
        ["evaluate", "linear", "--train", "a", "--test", "b", "--weights", "w", "--epochs", "0"],
        ["evaluate", "linear", "--train", "a", "--test", "b", "--weights", "w", "--lr=-1"],
        ["paint"], ["--colour"],
    ])
    func rejectsInvalidCommandLines(_ arguments: [String]) throws {
        let outcome = try Program.run(arguments)
        #expect(outcome.status == 64)
        #expect(outcome.output == "" && outcome.errors != "")
    }

    @Test(arguments: [
        ["extract"], ["saliency"], ["attention"], ["match"], ["inspect"], ["train"],
        ["weights", "info"],
        ["weights", "convert"], ["evaluate", "knn"], ["evaluate", "linear"],
    ])
    func helpHasExample(_ command: [String]) throws {
        let outcome = try Program.run(command + ["--help"])
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("Example: dino-vit \(command.joined(separator: " "))"))
    }
}
