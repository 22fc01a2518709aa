import Foundation
import Images
import Testing

@Suite struct SynthesizeTests {
    private struct Labels: Decodable {
        var size: Int
        var kinds: [String]
        var parts: [String]
        var keypoints: [String]
        var pictures: [Picture]

        struct Picture: Decodable {
            var image: String
            var mask: String
            var kind: String
            var keypoints: [String: Place]
        }

        struct Place: Decodable {
            var x: Double
            var y: Double
            var visible: Bool
        }
    }

    @Test func writesPicturesMasksAndLabels() throws {
        let folder = TemporaryFolder()
        let arguments = ["--count", "12", "--size", "40", "--kinds", "3", "--seed", "4", "--quiet"]
        var contents: [[Data]] = []
        for threads in ["1", "2"] {
            let outcome = try Program.run(
                ["synthesize", folder[threads], "--threads", threads] + arguments)
            #expect(outcome.status == 0 && outcome.output.isEmpty, "\(outcome.errors)")
            let data = try Data(contentsOf: URL(fileURLWithPath: folder[threads + "/labels.json"]))
            let labels = try JSONDecoder().decode(Labels.self, from: data)
            #expect(labels.pictures.count == 12 && labels.kinds.count == 3 && labels.size == 40)
            #expect(labels.parts == ["background", "body", "head", "legs", "tail", "ears"])
            for picture in labels.pictures {
                #expect(picture.image.hasPrefix("images/\(picture.kind)/"))
                #expect(picture.mask.hasPrefix("masks/\(picture.kind)/"))
                #expect(Set(picture.keypoints.keys).isSubset(of: labels.keypoints))
                for file in [picture.image, picture.mask] {
                    let image = try Image(contentsOf: folder["\(threads)/\(file)"])
                    #expect(image.width == 40 && image.height == 40)
                }
            }
            contents.append(
                try [data]
                    + labels.pictures.flatMap { [$0.image, $0.mask] }.map {
                        try Data(contentsOf: URL(fileURLWithPath: folder["\(threads)/\($0)"]))
                    })
        }
        // Compared outside of the expectation, which would print the files.
        let isSame = contents[0] == contents[1]
        #expect(isSame)
    }

    @Test func rejectsInvalidOptions() throws {
        for arguments in [["--kinds", "99"], ["--size", "3"], ["--count", "0"]] {
            let folder = TemporaryFolder()
            let outcome = try Program.run(["synthesize", folder["made"]] + arguments)
            #expect(outcome.status == 64)
            #expect(!FileManager.default.fileExists(atPath: folder["made"]))
        }
    }

    /// With pictures of two series in a folder, labels.json could not be right. A series whose pictures have the same names
    /// may replace another.
    @Test func seriesAreNotMixed() throws {
        let folder = TemporaryFolder()
        func synthesize(count: Int, kinds: Int, seed: Int = 0) throws -> Program.Outcome {
            try Program.run([
                "synthesize", folder["made"], "--count", "\(count)", "--kinds", "\(kinds)",
                "--seed", "\(seed)", "--size", "16",
            ])
        }
        #expect(try synthesize(count: 6, kinds: 3).status == 0)
        let first = try Data(contentsOf: URL(fileURLWithPath: folder["made/labels.json"]))
        for (count, kinds) in [(6, 2), (3, 3), (12, 3), (6, 4)] {
            let outcome = try synthesize(count: count, kinds: kinds)
            // Six pictures of four kinds are different ones of the first three kinds.
            #expect(outcome.status == 1, "\(count) of \(kinds) kinds")
            #expect(outcome.message?.contains("made contains ") == true, "\(outcome.errors)")
            #expect(
                try Data(contentsOf: URL(fileURLWithPath: folder["made/labels.json"])) == first)
        }
        // Hidden files, which file managers write, belong to no series.
        for name in ["images/.DS_Store", "images/dog/.DS_Store"] {
            try Data().write(to: URL(fileURLWithPath: folder["made/" + name]))
        }
        #expect(try synthesize(count: 6, kinds: 3, seed: 1).status == 0)
        try FileManager.default.removeItem(atPath: folder["made/labels.json"])
        #expect(try synthesize(count: 6, kinds: 3).status == 0)
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder["made/labels.json"])) == first)
    }

    @Test func reportsFileInPlaceOfFolder() throws {
        let folder = TemporaryFolder()
        try Data().write(to: URL(fileURLWithPath: folder["made"]))
        let outcome = try Program.run(["synthesize", folder["made"], "--count", "1"])
        #expect(outcome.status == 1)
        #expect(outcome.message?.contains("made") == true)
    }

    @Test func reportsFullDisk() throws {
        let folder = TemporaryFolder()
        let outcome = try Program.run(
            ["synthesize", folder["made"], "--count", "2", "--size", "256"], fillsDisk: true)
        #expect(outcome.status == 1)
        #expect(outcome.message?.contains("cannot be written") == true)
    }
}
