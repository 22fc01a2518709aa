import Foundation
import Testing

/// Folders whose subfolders are sets of pictures.
@Suite struct SetsTests {
    let folder = TemporaryFolder()

    private func put(_ pictures: [String], into name: String) throws {
        try folder.makeFolder(name)
        for (picture, from) in zip(pictures, [Fixtures.first, Fixtures.second, Fixtures.first]) {
            try FileManager.default.copyItem(atPath: from, toPath: folder["\(name)/\(picture)"])
        }
    }

    private func run(_ arguments: [String], into output: String) throws -> Program.Outcome {
        try Program.run(arguments + Fixtures.network + ["--output", folder[output]])
    }

    @Test func extractContinuesAfterFailedSets() throws {
        try put(["one.png", "two.png"], into: "root/b")
        try put(["one.png"], into: "root/d")
        try put(["one.png", "hidden.png"], into: "root/.hidden")
        try folder.makeFolder("root/a")
        try put(["one.png"], into: "root/c")
        try folder.write("no picture".utf8, to: "root/c/broken.png")
        try folder.write("no folder".utf8, to: "root/notes.txt")
        let outcome = try run(["extract", folder["root"], "--layer", "1"], into: "results")
        #expect(outcome.status == 1)
        let message = try #require(outcome.message)
        #expect(message.hasPrefix("error: 2 of 4 sets failed: a: "), "\(message)")
        #expect(message.contains("; c: 1 of 2 pictures"), "\(message)")
        #expect(folder.names(in: "results") == ["b", "c", "d"])
        #expect(folder.names(in: "results/b") == ["one.npy", "two.npy"])
        #expect(folder.names(in: "results/c") == ["one.npy"])
        #expect(folder.names(in: "results/d") == ["one.npy"])
        // The same as for a single set.
        let alone = try run(["extract", folder["root/b"], "--layer", "1"], into: "alone")
        #expect(alone.status == 0)
        #expect(try folder.data("results/b/two.npy") == folder.data("alone/two.npy"))
    }

    /// Results beside the sets are not a set in the next run; nor is a folder beside pictures.
    @Test func otherFoldersAreNotSets() throws {
        try put(["one.png"], into: "root/a")
        for _ in 0..<2 {
            let outcome = try run(["saliency", folder["root"]], into: "root/results")
            #expect(outcome.status == 0 && outcome.errors == "")
            #expect(folder.names(in: "root/results") == ["a"])
        }
        try put(["two.png"], into: "root")
        let outcome = try run(["saliency", folder["root"]], into: "mixed")
        #expect(outcome.status == 0)
        #expect(folder.names(in: "mixed") == ["two.saliency.npy", "two.saliency.png"])
    }

    @Test func deeperResultsAreNotSets() throws {
        try put(["one.png"], into: "root/a")
        for _ in 0..<2 {
            let outcome = try run(["saliency", folder["root"]], into: "root/results/today")
            #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
            #expect(folder.names(in: "root/results/today") == ["a"])
        }
    }

    @Test func matchAcceptsPairsInSubfolders() throws {
        try put(["one.png", "two.png"], into: "pairs/good")
        try put(["one.png"], into: "pairs/lonely")
        try put(["one.png", "two.png", "three.png"], into: "pairs/crowd")
        let outcome = try run(["match", folder["pairs"]], into: "results")
        #expect(outcome.status == 1)
        let message = try #require(outcome.message)
        #expect(message.contains("2 of 3 sets failed: crowd: 3 pictures"), "\(message)")
        #expect(message.contains("; lonely: 1 picture,"), "\(message)")
        #expect(folder.names(in: "results/good") == ["matches.json", "matches.png"])
        #expect(outcome.output.split(separator: "\n").count == 1)

        // A folder of two photos is a pair.
        let pair = folder["pairs/good"]
        #expect(try run(["match", pair], into: "pair").status == 0)
        let named = try run(["match", pair + "/one.png", pair + "/two.png"], into: "named")
        #expect(named.status == 0)
        for name in ["matches.json", "matches.png"] {
            let expected = try folder.data("named/\(name)")
            #expect(try folder.data("pair/\(name)") == expected)
            #expect(try folder.data("results/good/\(name)") == expected)
        }
        // A single photo is not a pair.
        #expect(try run(["match", pair + "/one.png"], into: "none").status == 64)
        #expect(folder.names(in: "none") == [])
        // An error that concerns all sets is reported once, before any work is done.
        let layer = try run(["match", folder["pairs"], "--layer", "7"], into: "wrong")
        #expect(layer.status == 1 && layer.message?.contains("layer 7") == true)
        #expect(layer.message?.contains("sets") == false && folder.names(in: "wrong") == [])
    }
}
