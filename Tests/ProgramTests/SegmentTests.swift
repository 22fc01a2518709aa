import Foundation
import Images
import Tensors
import Testing
import ViT

/// `segment` and `parts`: their files, saved models, and invalid inputs.
@Suite struct SegmentTests {
    let folder = TemporaryFolder()

    /// A folder with both fixtures.
    private func pictures(_ name: String = "set") throws -> String {
        try folder.makeFolder(name)
        for (file, from) in [("a.png", Fixtures.first), ("b.png", Fixtures.second)] {
            try FileManager.default.copyItem(atPath: from, toPath: folder["\(name)/\(file)"])
        }
        return folder[name]
    }

    private func run(
        _ command: String, _ arguments: [String], into output: String,
        fitting: Bool = true
    ) throws -> Program.Outcome {
        let size = fitting ? ["--load-size", "48", "--sample-interval", "3"] : []
        return try Program.run(
            [command] + arguments + ["--weights", Fixtures.weights, "--heads", "6"] + size
                + ["--output", folder[output]])
    }

    /// The levels of red in a picture, and its size.
    private func levels(_ name: String) throws -> (levels: Set<UInt8>, width: Int, height: Int) {
        let image = try Image(contentsOf: folder[name])
        let red = stride(from: 0, to: image.pixels.count, by: 3).map { image.pixels[$0] }
        return (Set(red), image.width, image.height)
    }

    @Test func masksHaveSizeOfPhotos() throws {
        let set = try pictures()
        let outcome = try run("segment", [set, "--threshold", "0.35"], into: "masks")
        #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
        #expect(outcome.output.contains("clusters"))
        #expect(
            folder.names(in: "masks") == [
                "a.mask.overlay.png", "a.mask.png", "b.mask.overlay.png", "b.mask.png",
            ])
        for (name, width, height) in [("a", 80, 60), ("b", 66, 72)] {
            let mask = try levels("masks/\(name).mask.png")
            #expect(mask.levels.isSubset(of: [0, 255]))
            #expect(mask.width == width && mask.height == height)
            let overlay = try levels("masks/\(name).mask.overlay.png")
            #expect(overlay.width == width && overlay.height == height)
        }
        // Masks without foreground and without background.
        for (options, level) in [
            (["--threshold=2"], 0), (["--threshold=-1", "--votes", "0"], 255),
        ] as [([String], UInt8)] {
            let other = try run("segment", [set] + options, into: "all\(level)")
            #expect(other.status == 0)
            #expect(try levels("all\(level)/a.mask.png").levels == [level])
        }
    }

    @Test func resultsAreIdenticalForAnyThreadCount() throws {
        let set = try pictures()
        for command in ["segment", "parts"] {
            let more = command == "parts" ? ["--three-stages", "--crops", "1"] : []
            for threads in ["1", "2", "5"] {
                let outcome = try run(
                    command, [set, "--threads", threads, "--threshold", "0.35"] + more,
                    into: command + threads)
                #expect(outcome.status == 0, "\(outcome.errors)")
            }
            for name in folder.names(in: command + "1") {
                let data = try folder.data("\(command)1/\(name)")
                #expect(try folder.data("\(command)2/\(name)") == data)
                #expect(try folder.data("\(command)5/\(name)") == data)
            }
        }
    }

    /// The model is applied to the pictures that it was fitted to.
    @Test func savedModelGivesSameResults() throws {
        let set = try pictures()
        for command in ["segment", "parts"] {
            let model = folder[command + ".safetensors"]
            let fitted = try run(
                command, [set, "--threshold", "0.35", "--save-model", model], into: "fitted")
            #expect(fitted.status == 0, "\(fitted.errors)")
            let applied = try run(
                command, [set, "--model", model], into: "applied", fitting: false)
            #expect(applied.status == 0, "\(applied.errors)")
            for name in folder.names(in: "fitted") {
                #expect(try folder.data("fitted/\(name)") == folder.data("applied/\(name)"))
            }
            // Options of fitting are invalid with a saved model, and so is the model of the other command.
            let again = try run(command, [set, "--model", model], into: "applied")
            #expect(again.status == 64)
            let other = try run(
                command == "parts" ? "segment" : "parts", [set, "--model", model], into: "none",
                fitting: false)
            #expect(other.status == 1 && other.message?.contains(model) == true)
            // The features of another network differ in meaning, even if their number is the same.
            var network = try VisionTransformer(contentsOf: Fixtures.weights, heads: 6)
            network.norm.bias = Tensor(repeating: 0.5, shape: network.norm.bias.shape)
            try network.write(to: folder["other.safetensors"])
            let foreign = try Program.run([
                command, set, "--weights", folder["other.safetensors"], "--model", model,
                "--output", folder["none"],
            ])
            #expect(foreign.status == 1 && foreign.message?.contains("another network") == true)
            // A model does not replace the weights.
            let weights = folder["weights.pth"]
            try? FileManager.default.copyItem(atPath: Fixtures.weights, toPath: weights)
            let over = try Program.run([
                command, set, "--weights", weights, "--heads", "6", "--load-size", "48",
                "--save-model", weights, "--output", folder["none"],
            ])
            #expect(over.status == 1 && over.message?.contains(weights) == true)
        }
    }

    @Test func partsAreWrittenAsIndices() throws {
        let set = try pictures()
        let outcome = try run(
            "parts", [set, "--parts", "3", "--threshold", "0.2", "--votes", "50"], into: "parts")
        #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
        #expect(
            folder.names(in: "parts") == [
                "a.parts.overlay.png", "a.parts.png", "b.parts.overlay.png", "b.parts.png",
            ])
        let bytes = [UInt8](try folder.data("parts/a.parts.png"))
        // IHDR: width, height, depth, and colour type 3, a palette.
        #expect(bytes[16..<24].elementsEqual([0, 0, 0, 80, 0, 0, 0, 60]) && bytes[25] == 3)
    }

    @Test func rejectsInvalidPicturesAndOptions() throws {
        let set = try pictures()
        try folder.write("no picture".utf8, to: "set/c.png")
        let outcome = try run("segment", [set], into: "masks")
        #expect(outcome.status == 1)
        #expect(outcome.message?.hasPrefix("error: 1 of 3 pictures") == true, "\(outcome.errors)")
        #expect(folder.names(in: "masks").count == 4)
        try FileManager.default.copyItem(atPath: Fixtures.first, toPath: folder["set/a.jpg"])
        let twice = try run("parts", [set], into: "none")
        #expect(twice.status == 1 && twice.message?.contains("a.jpg") == true)
        let call = try run("parts", [set, "--parts", "0"], into: "none")
        #expect(call.status == 64)
        // Without --remove-outliers it would have no effect.
        let alone = try run("segment", [set, "--outlier-threshold", "0.5"], into: "none")
        #expect(alone.status == 64 && alone.errors.contains("--remove-outliers"))
        let layer = try run("segment", [try pictures("other"), "--layer", "7"], into: "none")
        #expect(layer.status == 1 && layer.message?.contains("layer 7") == true)
    }

    @Test func acceptsSingleBlackPicture() throws {
        try folder.makeFolder("black")
        try Image(width: 90, height: 50, colour: .black).writePNG(to: folder["black/x.png"])
        for command in ["segment", "parts"] {
            let outcome = try run(command, [folder["black"]], into: command)
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(folder.names(in: command).count == 2)
        }
    }

    @Test func segmentsSetsInSubfolders() throws {
        _ = try pictures("root/one")
        _ = try pictures("root/two")
        let outcome = try run("segment", [folder["root"]], into: "results")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(folder.names(in: "results") == ["one", "two"])
        #expect(folder.names(in: "results/two").count == 4)
        let model = try run(
            "segment", [folder["root"], "--save-model", folder["m"]], into: "none")
        #expect(model.status == 1 && model.message?.contains("several sets") == true)
    }
}
