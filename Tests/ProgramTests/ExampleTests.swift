import Foundation
import Images
import Tensors
import Testing
import ViT

/// The examples give the same results as the program with its defaults.
@Suite struct ExampleTests {
    let folder = TemporaryFolder()
    private let photos = [Fixtures.first, Fixtures.second]

    private func makeNetwork() throws -> String {
        var generator = SplitMix64(seed: 1)
        let network = VisionTransformer.Configuration(width: 64, depth: 2, heads: 1, patchSize: 8)
        try VisionTransformer(untrained: network, using: &generator)
            .write(to: folder["network"])
        return folder["network"]
    }

    /// The weights are named on the command line or the bundled ones.
    @Test(
        arguments: [
            ("pca", "pca", "pca.png"), ("cosegmentation", "segment", "mask.overlay.png"),
            ("parts", "parts", "parts.overlay.png"),
        ], [true, false])
    func exampleMatchesProgram(
        _ names: (example: String, command: String, ending: String), named: Bool
    ) throws {
        let (example, command, ending) = names
        let network = named ? [try makeNetwork()] : []
        try folder.makeFolder("photos")
        for (index, photo) in photos.enumerated() {
            try FileManager.default.copyItem(
                atPath: photo, toPath: folder["photos/\(index + 1).png"])
        }
        let outcome = try Program.run([folder["photos"]] + network, name: example, in: folder)
        #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
        #expect(outcome.output.split(separator: "\n").count == 1)
        let program = try Program.run(
            [command] + photos + (named ? ["--weights"] + network : [])
                + ["--output", folder["results"]])
        #expect(program.status == 0)
        for (index, stem) in ["first", "second"].enumerated() {
            let expected = try folder.data("results/\(stem).\(ending)")
            #expect(try folder.data("\(example)-\(index + 1).png") == expected)
        }
    }

    @Test func trainingExampleCompletesRun() throws {
        let training = try Training(count: 33)
        func run() throws -> Program.Outcome {
            try Program.run([training.pictures, "run"], name: "training", in: training.folder)
        }
        let outcome = try run()
        #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
        let lines = outcome.output.split(separator: "\n")
        #expect(lines.first?.contains("training starts anew") == true)
        #expect(lines.first { $0.hasPrefix("step") }?.hasPrefix("step 1: loss ") == true)
        #expect(lines.count { $0.hasPrefix("step") } == 10)
        #expect(lines.last == "complete: run")
        #expect(
            training.folder.names(in: "run")
                == ["checkpoint.safetensors", "log.jsonl", "loss.png", "teacher.safetensors"])
        let again = try run()
        #expect(again.status == 0 && again.output == "complete: run\n")
    }
}
