import Foundation
import Images
import Testing

/// `video` on a square that moves across a noisy background.
@Suite struct VideoTests {
    let folder = TemporaryFolder()
    private static let width = 96
    private static let height = 72

    /// Whether a pixel of a frame is in the square.
    private func isInside(_ pixel: Int, _ frame: Int) -> Bool {
        let (y, x) = pixel.quotientAndRemainder(dividingBy: Self.width)
        return (16..<48).contains(y) && (16 + 8 * frame..<48 + 8 * frame).contains(x)
    }

    private func makeFrames(_ count: Int, object: Colour) throws {
        for name in ["frames", "truth"] {
            try folder.makeFolder(name)
        }
        var state: UInt64 = 1
        for frame in 0..<count {
            let pixels = (0..<Self.width * Self.height).flatMap { pixel in
                let colour = isInside(pixel, frame) ? [220, 60, 40] : [60, 120, 90]
                return colour.map { level in
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    return UInt8(level + Int(state >> 60))
                }
            }
            try Image(width: Self.width, height: Self.height, pixels: pixels)
                .writePNG(to: folder["frames/\(frame).png"])
            var mask = Image(width: Self.width, height: Self.height, colour: .black)
            for pixel in 0..<Self.width * Self.height where isInside(pixel, frame) {
                mask[pixel % Self.width, pixel / Self.width] = object
            }
            try mask.writePNG(to: folder["truth/\(frame).png"])
        }
    }

    private func video(
        _ arguments: [String] = [], firstMask: String? = nil, into output: String
    ) throws -> Program.Outcome {
        try Program.run(
            ["video", folder["frames"], "--first-mask", firstMask ?? folder["truth/0.png"]]
                + ["--weights", Fixtures.weights, "--heads", "6", "--load-size", "72"]
                + ["--output", folder[output]] + arguments)
    }

    private struct Scores: Decodable {
        struct Object: Decodable {
            var label: UInt8
            var j: Double
            var f: Double
        }
        var j: Double
        var f: Double
        var jAndF: Double
        var objects: [Object]
    }

    /// Gray masks as in DAVIS 2016, the first colour of DAVIS's palette, and a colour outside of it.
    @Test(
        arguments: zip(
            [Colour.white, Colour(0x800000), Colour(0x12FE34)], [255, 1, 1] as [UInt8]))
    func masksFollowObject(object: Colour, label: UInt8) throws {
        try makeFrames(4, object: object)
        let outcome = try video(["--truth", folder["truth"]], into: "results")
        #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
        #expect(folder.names(in: "results") == ["masks", "pictures", "scores.json"])
        let names = (0..<4).map { "\($0).png" }
        #expect(folder.names(in: "results/masks") == names)
        #expect(folder.names(in: "results/pictures") == names)
        let first = try Image(contentsOf: folder["results/masks/0.png"])
        #expect(first == (try Image(contentsOf: folder["truth/0.png"])))
        // The colour type on disk, the 26th byte of a PNG: gray (0) or indices (3).
        let byte = try folder.data("results/masks/2.png")[25]
        #expect(byte == (object == .white ? 0 : 3))
        var regions: [Double] = []
        for frame in 1...2 {
            let mask = try Image(contentsOf: folder["results/masks/\(frame).png"])
            var (both, either) = (0, 0)
            var colours: Set<Colour> = []
            for pixel in 0..<Self.width * Self.height {
                let colour = mask[pixel % Self.width, pixel / Self.width]
                colours.insert(colour)
                both += colour == object && isInside(pixel, frame) ? 1 : 0
                either += colour == object || isInside(pixel, frame) ? 1 : 0
            }
            #expect(colours == [.black, object])
            regions.append(Double(both) / Double(either))
        }
        let scores = try JSONDecoder().decode(
            Scores.self, from: folder.data("results/scores.json"))
        #expect(scores.objects.map(\.label) == [label])
        #expect(abs(scores.j - regions.reduce(0, +) / 2) < 1e-12 && scores.j > 0.7)
        #expect(abs(scores.jAndF - (scores.j + scores.f) / 2) < 1e-12)
        // The picture is gray except for the object, even if the mask itself is gray.
        let picture = try Image(contentsOf: folder["results/pictures/0.png"])
        let (outside, inside) = (picture[5, 5], picture[30, 30])
        #expect(outside.red == outside.green && outside.green == outside.blue)
        #expect(inside.red != inside.green)

        let again = try video(["--threads", "1", "--quiet"], into: "again")
        #expect(again.status == 0 && again.output == "")
        for name in names {
            let mask = try folder.data("results/masks/\(name)")
            #expect(try folder.data("again/masks/\(name)") == mask)
        }
    }

    @Test func rejectsInvalidFramesAndMasks() throws {
        try makeFrames(3, object: .white)
        try FileManager.default.removeItem(atPath: folder["truth/2.png"])
        let missing = try video(["--truth", folder["truth"]], into: "missing")
        #expect(missing.status == 1 && missing.message?.contains("truth/2.png") == true)
        try FileManager.default.moveItem(
            atPath: folder["frames/2.png"], toPath: folder["later.png"])
        let short = try video(["--truth", folder["truth"]], into: "short")
        #expect(short.message?.contains("2 frames cannot be scored") == true, "\(short.errors)")
        try Image(width: 9, height: 9).writePNG(to: folder["frames/1.png"])
        let size = try video(into: "size")
        #expect(size.status == 1 && size.message?.contains("frames/1.png") == true)
        // All frames are checked before the first mask.
        #expect(folder.names(in: "size/masks") == [])
        try FileManager.default.removeItem(atPath: folder["frames/1.png"])
        try Image(width: 9, height: 9, colour: .black).writePNG(to: folder["truth/0.png"])
        let mask = try video(into: "mask")
        #expect(mask.status == 1 && mask.message?.contains("only background") == true)
        try Image(width: 9, height: 9, colour: .white).writePNG(to: folder["truth/0.png"])
        let other = try video(into: "mask")
        #expect(other.status == 1 && other.message?.contains("truth/0.png: 9x9") == true)
        let photo = try Image(contentsOf: Fixtures.first)
        try photo.writePNG(to: folder["truth/0.png"])
        let colours = try video(into: "colours")
        #expect(colours.message?.contains("256 colours") == true, "\(colours.errors)")
        #expect(try video(["--neighbours", "0"], into: "none").status == 64)
    }

    /// Creates a folder with the true masks of the first frames, each written by `write` from its labels.
    private func truths(
        _ name: String, _ count: Int, _ write: ([UInt8], String) throws -> Void
    ) throws -> String {
        try folder.makeFolder(name)
        for frame in 0..<count {
            let labels = (0..<Self.width * Self.height).map { pixel -> UInt8 in
                isInside(pixel, frame) ? 1 : 0
            }
            try write(labels, folder["\(name)/\(frame).png"])
        }
        return folder[name]
    }

    private func gray(_ labels: [UInt8], bits: Int = 8, to path: String) throws {
        try Image.writeGrayPNG(
            labels, width: Self.width, height: Self.height, bits: bits, to: path)
    }

    /// The first mask and the true masks may have different formats.
    @Test func scoresDoNotDependOnMaskFormat() throws {
        try makeFrames(3, object: Colour(0x800000))
        let palette = (0...255).map { Colour(UInt32($0 * 3)) }
        let forms = [
            try truths("gray", 3) { try gray($0, to: $1) },
            try truths("bits", 3) { try gray($0, bits: 1, to: $1) },
            try truths("wide", 3) { try gray($0, bits: 16, to: $1) },
            try truths("palette", 3) {
                try Image.writeIndexedPNG(
                    $0, width: Self.width, height: Self.height, palette: palette, to: $1)
            },
            // RGB of DAVIS's first colour.
            folder["truth"],
        ]
        var scores: Set<Data> = []
        for (first, truth) in [(0, 3), (3, 0), (4, 1), (1, 4), (2, 3)] {
            let outcome = try video(
                ["--truth", forms[truth]], firstMask: forms[first] + "/0.png", into: "out\(first)")
            #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
            #expect(outcome.output.hasPrefix("3 masks of 1 object: "))
            scores.insert(try folder.data("out\(first)/scores.json"))
            // The format of the first mask: bit depth and colour type.
            let bytes = [UInt8](try folder.data("out\(first)/masks/2.png"))
            #expect(bytes[24] == [8, 1, 16, 8, 8][first] && bytes[25] == [0, 0, 0, 3, 3][first])
        }
        #expect(scores.count == 1)
    }

    /// The labels 0 and 255 against 0 and 1, other colours, and a sequence with one different mask.
    @Test func rejectsTruthWithOtherLabels() throws {
        try makeFrames(4, object: .white)
        let ones = try truths("ones", 4) { try gray($0, to: $1) }
        func check(_ mask: String, _ truth: String, _ parts: [String]) throws {
            let outcome = try video(["--truth", truth], firstMask: mask, into: "none")
            #expect(outcome.status == 1, "\(outcome.errors)")
            for part in parts {
                #expect(outcome.message?.contains(part) == true, "\(outcome.errors)")
            }
            #expect(folder.names(in: "none/masks") == [])
        }
        let labels = ["the labels 255", "the labels 1", "0.png"]
        try check(folder["truth/0.png"], ones, labels)
        try check(ones + "/0.png", folder["truth"], labels)
        try FileManager.default.removeItem(atPath: folder["ones/2.png"])
        try FileManager.default.copyItem(
            atPath: folder["truth/2.png"], toPath: folder["ones/2.png"])
        try check(ones + "/0.png", ones, ["ones/2.png has the labels 255"])
        var coloured = Image(width: Self.width, height: Self.height, colour: .black)
        coloured[3, 3] = Colour(0x12FE34)
        try coloured.writePNG(to: folder["ones/0.png"])
        try check(folder["truth/0.png"], ones, ["ones/0.png", "(18, 254, 52)"])
    }

    /// The frames are still taken in the order of their names.
    @Test(
        arguments: [
            (["0", "1", "10", "2"], "10 comes before 2"),
            (["f08b", "f100b", "f9b"], "f100b comes before f9b"),
            (["0", "1", "2"], nil), (["00009", "00010"], nil), (["a10", "b2"], nil),
        ] as [([String], String?)])
    func warnsIfNamesAreNotInNumericOrder(_ names: [String], _ warning: String?) throws {
        try makeFrames(1, object: .white)
        try FileManager.default.moveItem(
            atPath: folder["frames/0.png"], toPath: folder["frame.png"])
        for name in names {
            try FileManager.default.copyItem(
                atPath: folder["frame.png"], toPath: folder["frames/\(name).png"])
        }
        let outcome = try video(["--quiet"], into: "results")
        #expect(outcome.status == 0)
        let lines = outcome.errors.split(separator: "\n")
        #expect(lines.count == (warning == nil ? 0 : 1), "\(outcome.errors)")
        if let warning {
            #expect(lines.first?.hasPrefix("warning: ") == true)
            #expect(lines.first?.contains(warning) == true)
        }
    }
}
