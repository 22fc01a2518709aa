import Foundation
import Images
import Tensors
import Testing
import ViT

/// `match` against the best buddies of the official code, and the format of its files.
@Suite struct MatchTests {
    let folder = TemporaryFolder()

    /// The format of matches.json, with all of its keys.
    struct Report: Codable {
        var source: Side
        var target: Side
        var bestBuddies: Int
        var salientBuddies: Int
        var pairs: [Pair]

        struct Side: Codable {
            var path: String
            var width: Int
            var height: Int
            var grid: [Int]
        }

        struct Pair: Codable {
            var source: Point
            var target: Point
            var similarity: Double
            var saliency: Double
        }

        struct Point: Codable {
            var x: Double
            var y: Double
            var patch: [Int]
        }
    }

    private func match(_ options: [String]) throws -> (Report, json: Data) {
        let outcome = try Program.run(
            ["match", Fixtures.first, Fixtures.second] + Fixtures.network
                + ["--layer", "1", "--output", folder["results"]] + options)
        #expect(outcome.status == 0 && outcome.errors == "")
        #expect(folder.names(in: "results") == ["matches.json", "matches.png"])
        let json = try folder.data("results/matches.json")
        return (try JSONDecoder().decode(Report.self, from: json), json)
    }

    @Test func pairsAreReferenceBestBuddies() throws {
        let (report, json) = try match(["--pairs", "7"])
        let buddies = try Array32(Fixtures.folder + "/buddies.npy")
        let rows = stride(from: 0, to: buddies.values.count, by: 4).map {
            Array(buddies.values[$0..<$0 + 4])
        }
        #expect(report.bestBuddies == rows.count)
        #expect(report.salientBuddies == rows.count { $0[2] == 1 })
        #expect(report.pairs.count == 7)
        #expect(report.source.path == Fixtures.first && report.target.path == Fixtures.second)
        #expect(report.source.width == 80 && report.source.height == 60)
        #expect(report.target.width == 66 && report.target.height == 72)
        // 80x60 becomes 64x48 and 66x72 48x52; stride 4, patch 8.
        #expect(report.source.grid == [11, 15] && report.target.grid == [12, 11])
        let saliency = try Array32(Fixtures.folder + "/first.saliency.npy")
        for pair in report.pairs {
            let source = pair.source.patch[0] * 15 + pair.source.patch[1]
            let target = pair.target.patch[0] * 11 + pair.target.patch[1]
            let row = try #require(rows.first { Int($0[0]) == source })
            #expect(Int(row[1]) == target && row[2] == 1)
            // Float32 sums over 1632 channels.
            #expect(abs(pair.similarity - Double(row[3])) < 1e-5)
            #expect(2 * pair.saliency > Double(saliency.values[source]))
            // The centre of the patch, in pixels of the original.
            let x = Double(pair.source.patch[1] * 4 + 4) * 80 / 64
            let y = Double(pair.source.patch[0] * 4 + 4) * 60 / 48
            #expect(abs(pair.source.x - x) < 1e-9 && abs(pair.source.y - y) < 1e-9)
            let targetY = Double(pair.target.patch[0] * 4 + 4) * 72 / 52
            #expect(abs(pair.target.y - targetY) < 1e-9)
        }
        // There are no other keys.
        let again = try JSONSerialization.jsonObject(with: JSONEncoder().encode(report))
        let found = try JSONSerialization.jsonObject(with: json)
        #expect(keys(of: again) == keys(of: found))
        // Both photos are 640 pixels high.
        let picture = try Image(contentsOf: folder["results/matches.png"])
        #expect(picture.height == 640 && picture.width >= 853 + 587)
    }

    @Test func acceptsFewerPairsThanRequested() throws {
        #expect(try match(["--pairs", "500"]).0.pairs.count == 77)
        let (none, _) = try match(["--threshold", "1"])
        #expect(none.bestBuddies == 93 && none.salientBuddies == 0 && none.pairs.isEmpty)
    }

    @Test func optionsChangeResults() throws {
        let (plain, _) = try match(["--no-bin"])
        let (query, _) = try match(["--facet", "query"])
        let (coarse, _) = try match(["--stride", "8"])
        #expect(coarse.source.grid == [6, 8])
        #expect(plain.bestBuddies != 93 && query.bestBuddies != plain.bestBuddies)
        let first = try match(["--seed", "1"]).json
        #expect(try match(["--seed", "1"]).json == first)
        // The seed decides where k-means starts, and so which pairs stand for the clusters.
        #expect(try match(["--seed", "2"]).json != first)
    }

    /// The names of all keys in a value, sorted.
    private func keys(of value: Any) -> [String] {
        switch value {
        case let object as [String: Any]:
            (Array(object.keys) + object.values.flatMap(keys)).sorted()
        case let array as [Any]: array.flatMap(keys).sorted()
        default: []
        }
    }

    /// The example uses the program's defaults.
    @Test func libraryExamplePrintsPairsOfProgram() throws {
        var generator = SplitMix64(seed: 1)
        let network = VisionTransformer.Configuration(width: 64, depth: 10, heads: 1, patchSize: 8)
        try VisionTransformer(untrained: network, using: &generator)
            .write(to: folder["network"])
        let photos = [Fixtures.first, Fixtures.second]
        let example = try Program.run(photos + [folder["network"]], name: "correspondences")
        #expect(example.status == 0 && example.errors == "")
        let program = try Program.run(
            ["match"] + photos + ["--weights", folder["network"], "--output", folder["results"]])
        #expect(program.status == 0)
        let report = try JSONDecoder().decode(
            Report.self, from: folder.data("results/matches.json"))
        let lines = example.output.split(separator: "\n")
        #expect(lines.count == report.pairs.count && lines.count > 0)
        for (line, pair) in zip(lines, report.pairs) {
            for number in [pair.source.x, pair.source.y, pair.target.x, pair.target.y] {
                #expect(line.contains("\(number)"))
            }
        }
    }
}
