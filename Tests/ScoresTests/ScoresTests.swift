import DINO
import Descriptors
import Foundation
import Images
import Scores
import Tensors
import Testing
import ViT

@Suite struct ScoresTests {
    /// Squares of 8x8 pixels in random colours, moved to the right by some pixels with wrap-around.
    private func squares(movedBy shift: Int = 0, seed: UInt64 = 1) -> Image {
        var generator = Xoshiro256(seed: seed)
        let colours = (0..<64).map { _ in
            Colour(UInt32(truncatingIfNeeded: generator.next()) & 0xFFFFFF)
        }
        var image = Image(width: 64, height: 64)
        for row in 0..<64 {
            for column in 0..<64 {
                let source = (column - shift + 64) % 64
                image[column, row] = colours[row / 8 * 8 + source / 8]
            }
        }
        return image
    }

    private let view = PatchView(loadSize: 64, stride: 4)

    /// Three keypoints at the centres of cells, in a box 40 pixels wide.
    private func picture(movedBy shift: Int) -> KeypointPicture {
        let places = ["eye": (12, 20), "tail": (36, 20), "foot": (28, 44)]
        return KeypointPicture(
            image: squares(movedBy: shift),
            places: places.mapValues { Point(x: Double($0.0 + shift), y: Double($0.1)) },
            boxSide: 40)
    }

    @Test(arguments: [Binning.none, .logarithmic()])
    func keypointsMapToThemselvesInTheSamePicture(_ binning: Binning) throws {
        let transfer = try KeypointTransfer(
            [picture(movedBy: 0)], GradientDescriber(view, binning: binning))
        let score = transfer.score([(0, 0)])
        #expect(score == KeypointScore(right: 3, carried: 3))
        #expect(score.percentage == 100)
    }

    @Test func keypointsFollowAMovedPicture() throws {
        var moved = picture(movedBy: 8)
        let transfer = try KeypointTransfer([picture(movedBy: 0), moved], ColourDescriber(view))
        let carried = transfer.carried(from: [0], to: 1)[0]
        #expect(carried.map(\.name) == ["eye", "foot", "tail"])
        for (name, place) in carried { #expect(place == moved.places[name]) }
        #expect(transfer.score([(0, 1)]) == KeypointScore(right: 3, carried: 3))

        // The eye is now five pixels off, more than a tenth of the box, which is four; the foot is hidden.
        moved.places["eye"]?.y += 5
        moved.places["tail"]?.y += 3
        moved.places["foot"] = nil
        let inaccurate = try KeypointTransfer([picture(movedBy: 0), moved], ColourDescriber(view))
        #expect(inaccurate.score([(0, 1)]) == KeypointScore(right: 1, carried: 2))
    }

    @Test func overlapIsIntersectionOverUnion() {
        let mask = [true, true, false, false]
        #expect(overlap(mask, mask) == 1)
        #expect(overlap(mask, mask.map { !$0 }) == 0)
        #expect(overlap(mask, [true, true, true, true]) == 0.5)
        #expect(overlap(mask, [true, false, false, false]) == 0.5)
        #expect(overlap([false], [false]) == 0)
    }

    @Test func adjustedRandIndexIsOneForEqualAndZeroForConstantLabels() {
        var same = ContingencyTable()
        var other = ContingencyTable()
        for index in 0..<12 {
            same.add(UInt8(index % 3), UInt8(7 - index % 3))
            other.add(UInt8(index % 3), 0)
        }
        #expect(same.adjustedRandIndex == 1)
        #expect(other.adjustedRandIndex == 0)
    }

    @Test func bestBuddiesAreScoredByTheHomography() throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "wall-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try squares().writePNG(to: folder.path + "/img1.png")
        try squares(movedBy: 16).writePNG(to: folder.path + "/img2.png")
        func share(_ homography: String) throws -> (right: Int, all: Int) {
            try homography.write(
                to: folder.appending(path: "H1to2p"), atomically: true, encoding: .utf8)
            return try WallViews(contentsOf: folder.path)
                .share(of: ColourDescriber(view), to: 2, within: 3)
        }
        // What leaves the picture on the right reappears on the left; its true place is outside and not counted.
        let correct = try share("1 0 16\n0 1 0\n0 0 1\n")
        #expect(correct.all > 100 && Double(correct.right) > 0.9 * Double(correct.all))
        let wrong = try share("1 0 16\n0 1 24\n0 0 1\n")
        #expect(wrong.all > 50 && Double(wrong.right) < 0.1 * Double(wrong.all))
        #expect(throws: ScoresError.self) { try share("1 0 16") }
    }

    @Test func pairsFramesThatAreFarEnoughApart() throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "frames-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var mask = Image(width: 30, height: 20, colour: .black)
        for column in 4..<16 { mask[column, 9] = .white }
        try mask.writePNG(to: folder.path + "/mask.png")
        try squares().writePNG(to: folder.path + "/dog.png")
        var entries: [String] = []
        for name in ["dog-00003", "dog-00012", "dog-00013", "horse-jump-00000"] {
            try FileManager.default.copyItem(
                atPath: folder.path + "/dog.png", toPath: "\(folder.path)/\(name).png")
            entries.append(
                #"{"image": "\#(name).png", "mask": "mask.png", "joints": {"8": [389.6, 235.6]}}"#)
        }
        try #"{"about": "joints", "images": [\#(entries.joined(separator: ","))]}"#
            .write(to: folder.appending(path: "joints.json"), atomically: true, encoding: .utf8)
        let frames = try AnimalFrames(contentsOf: folder.path)
        #expect(frames.pictures[0].boxSide == 12)
        #expect(frames.pictures[0].places == ["8": Point(x: 389.6, y: 235.6)])
        func names(_ pairs: [(source: Int, target: Int)]) -> [[Int]] {
            pairs.map { [$0.source, $0.target] }
        }
        #expect(names(frames.pairs(from: "dog", to: "dog")) == [[0, 2], [2, 0]])
        #expect(names(frames.pairs(from: "dog", to: "horse")) == [[0, 3], [1, 3], [2, 3]])
    }
}
