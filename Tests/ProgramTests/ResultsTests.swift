import Foundation
import Images
import Testing

/// Output files against those of the official code.
///
/// Tolerances: the resized pictures equal the reference's to the bit, so that only the order of float32 sums differs. Over
/// two blocks that is about 1e-6; 2e-5 is guaranteed over twelve.
@Suite struct ResultsTests {
    let folder = TemporaryFolder()

    @Test func descriptorsMatchReference() throws {
        let outcome = try Program.run(
            ["extract", Fixtures.first, "--layer", "1", "--stride", "4", "--include-cls"]
                + Fixtures.network + ["--output", folder["new/results"]])
        #expect(outcome.status == 0 && outcome.errors == "")
        #expect(outcome.output.split(separator: "\n").count == 1)
        #expect(folder.names(in: "new/results") == ["first.npy"])
        let tokens = try Array32(folder["new/results/first.npy"])
        let expected = try Array32(Fixtures.folder + "/first.key1.npy")
        #expect(tokens.relativeError(to: expected) < 2e-5)

        let plain = try Program.run(
            ["extract", Fixtures.first, "--layer", "1", "--facet", "key", "--stride", "4"]
                + Fixtures.network + ["--output", folder["plain"]])
        #expect(plain.status == 0)
        let grid = try Array32(folder["plain/first.npy"])
        #expect(grid.shape == [11, 15, 96])
        #expect(grid.values == Array(tokens.values.dropFirst(96)))
    }

    /// The stride is the patch size.
    @Test func binnedDescriptorsMatchReference() throws {
        let outcome = try Program.run(
            ["extract", Fixtures.first, "--layer", "0", "--facet", "query", "--bin"]
                + Fixtures.network + ["--output", folder["results"], "--quiet"])
        #expect(outcome.status == 0 && outcome.output == "" && outcome.errors == "")
        let binned = try Array32(folder["results/first.npy"])
        let expected = try Array32(Fixtures.folder + "/first.query0.binned.npy")
        #expect(binned.relativeError(to: expected) < 2e-5)
    }

    @Test func saliencyMatchesReference() throws {
        let outcome = try Program.run(
            ["saliency", Fixtures.first, "--stride", "4"] + Fixtures.network
                + ["--output", folder["results"]])
        #expect(outcome.status == 0)
        #expect(folder.names(in: "results") == ["first.saliency.npy", "first.saliency.png"])
        let map = try Array32(folder["results/first.saliency.npy"])
        let expected = try Array32(Fixtures.folder + "/first.saliency.npy")
        #expect(map.relativeError(to: expected) < 5e-5)
        let picture = try Image(contentsOf: folder["results/first.saliency.png"])
        #expect(picture.width == 80 && picture.height == 60)
        // Red where the map is greatest, blue where it is least; the photo has neither colour there.
        let brightest = try #require(map.values.indices.max { map.values[$0] < map.values[$1] })
        let darkest = try #require(map.values.indices.min { map.values[$0] < map.values[$1] })
        func colour(_ cell: Int) -> Colour {
            // The centre of the cell: 4 pixels per cell after half a patch, scaled from 48 to 60 rows.
            picture[(cell % 15 * 4 + 4) * 80 / 64, (cell / 15 * 4 + 4) * 60 / 48]
        }
        #expect(colour(brightest).red > colour(darkest).red)
    }

    @Test func attentionMatchesReference() throws {
        let outcome = try Program.run(
            ["attention", Fixtures.first] + Fixtures.network + ["--output", folder["results"]])
        #expect(outcome.status == 0)
        let pictures = (0..<6).map { "first.attention-\($0).png" }
        #expect(folder.names(in: "results") == pictures + ["first.attention.npy"])
        let weights = try Array32(folder["results/first.attention.npy"])
        let expected = try Array32(Fixtures.folder + "/first.attention.npy")
        #expect(weights.relativeError(to: expected) < 5e-5)
        for name in pictures {
            let picture = try Image(contentsOf: folder["results/\(name)"])
            #expect(picture.width == 80 && picture.height == 60)
        }
    }

    /// They are sorted by name; the load size 0 keeps their size.
    @Test func folderStandsForItsPictures() throws {
        for (name, from) in [("b.png", Fixtures.second), ("a.PNG", Fixtures.first)] {
            try folder.makeFolder("photos/inner.png")
            try FileManager.default.copyItem(atPath: from, toPath: folder["photos/\(name)"])
        }
        try folder.write("no picture".utf8, to: "photos/notes.txt")
        try folder.write("hidden".utf8, to: "photos/.c.png")
        let outcome = try Program.run([
            "extract", folder["photos"], "--weights", Fixtures.weights, "--heads", "6",
            "--load-size", "0", "--output", folder["results"],
        ])
        #expect(outcome.status == 0)
        #expect(folder.names(in: "results") == ["a.npy", "b.npy"])
        // 60x80 and 72x66 pixels in patches of 8.
        #expect(try Array32(folder["results/a.npy"]).shape == [7, 10, 96])
        #expect(try Array32(folder["results/b.npy"]).shape == [9, 8, 96])
        let lines = outcome.output.split(separator: "\n")
        #expect(lines.count == 2 && lines[0].contains("a.npy") && lines[1].contains("b.npy"))
    }

    @Test func resultsAreIdenticalForAnyThreadCount() throws {
        for threads in ["1", "2", "3"] {
            for command in ["extract", "saliency", "attention"] {
                let outcome = try Program.run(
                    [command, Fixtures.first, Fixtures.second, "--threads", threads]
                        + Fixtures.network + ["--output", folder[threads]])
                #expect(outcome.status == 0)
            }
            let match = try Program.run(
                ["match", Fixtures.first, Fixtures.second, "--threads", threads]
                    + Fixtures.network + ["--output", folder[threads]])
            #expect(match.status == 0)
        }
        let names = folder.names(in: "1")
        #expect(names.count == 2 + 2 * (1 + 2 + 7))
        for name in names {
            #expect(try folder.data("1/\(name)") == folder.data("2/\(name)"), "\(name)")
            #expect(try folder.data("1/\(name)") == folder.data("3/\(name)"), "\(name)")
        }
    }
}
