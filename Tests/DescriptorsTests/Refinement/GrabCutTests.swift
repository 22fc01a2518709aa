import Descriptors
import Foundation
import Images
import Tensors
import Testing

@Suite struct GrabCutTests {
    let fixture: RefinementFixture

    init() throws {
        fixture = try RefinementFixture()
    }

    private func labels(_ name: String) throws -> [GrabCut.Label] {
        try fixture[name].elements.map { try #require(GrabCut.Label(rawValue: UInt8($0))) }
    }

    private func cut(
        _ image: Image, _ labels: [GrabCut.Label], seed: UInt64 = 1
    ) -> [GrabCut.Label] {
        var generator = Xoshiro256(seed: seed)
        return GrabCut().labels(of: image, from: labels, using: &generator)
    }

    @Test func labelsMatchOpenCV() throws {
        let expected = try labels("cut.labels")
        for seed in 1..<9 as Range<UInt64> {
            let found = cut(fixture.image, try labels("cut.mask"), seed: seed)
            // k-means starts elsewhere; OpenCV gives these labels with every seed.
            #expect(zip(found, expected).count { $0 != $1 } <= 2)
        }
    }

    /// The colours belong to components 0, 2 and 3; the last has a single one.
    @Test func mixtureMatchesNumPy() throws {
        let colours = try fixture["mixture.colours"]
        var moments = [GaussianMixture.Moments](repeating: .init(), count: 5)
        for (index, component) in try fixture["mixture.components"].elements.enumerated() {
            moments[Int(component)].add(
                SIMD3(
                    Double(colours[index, 0]), Double(colours[index, 1]), Double(colours[index, 2]))
            )
        }
        let mixture = GaussianMixture(moments)
        #expect(mixture.components.map(\.index) == [0, 2, 3])
        let queries = try fixture["mixture.queries"]
        let expected = try fixture["mixture.logs"].elements
        var scratch = [SIMD8<Float>](repeating: SIMD8(), count: 3)
        for (query, expected) in expected.enumerated() {
            // In one lane; the others hold other colours.
            let verdict = mixture.verdict(
                red: SIMD8(0, 1, queries[query, 0], 3, 4, 5, 6, 7),
                green: SIMD8(9, 9, queries[query, 1], 9, 9, 9, 9, 9),
                blue: SIMD8(99, 9, queries[query, 2], 9, 9, 9, 9, 9), scratch: &scratch)
            let found = verdict.top[2] + log(verdict.sum[2])
            // Distances of thousands, summed in single precision.
            #expect(abs(found - expected) < 1e-4 + 2e-6 * abs(expected))
        }
        let single = mixture.verdict(
            red: SIMD8(repeating: 10), green: SIMD8(repeating: 20), blue: SIMD8(repeating: 30),
            scratch: &scratch)
        #expect(single.component[5] == 3)
    }

    @Test func onlyProbableLabelsChange() throws {
        let before = try labels("cut.mask")
        let after = cut(fixture.image, before)
        #expect(after != before && after.count == before.count)
        #expect(
            zip(before, after).allSatisfy { before, after in
                before.isProbable ? after.isProbable : after == before
            })
    }

    @Test func nothingChangesWithoutForegroundOrBackground() throws {
        let count = fixture.image.width * fixture.image.height
        for labels: [GrabCut.Label] in [
            [.background], [.foreground], [.probableForeground],
            [.background, .probableBackground], [.probableForeground, .foreground],
        ] {
            let all = (0..<count).map { labels[$0 % labels.count] }
            #expect(cut(fixture.image, all) == all)
        }
    }

    @Test func acceptsSmallestPictures() {
        let dot = Image(width: 1, height: 1)
        #expect(cut(dot, [.probableForeground]) == [.probableForeground])
        // Fewer pixels than components.
        let pair = Image(width: 2, height: 1, pixels: [255, 0, 0, 0, 0, 255])
        #expect(cut(pair, [.foreground, .background]) == [.foreground, .background])
        let three = Image(width: 3, height: 1, pixels: [255, 0, 0, 0, 0, 255, 0, 0, 255])
        #expect(
            cut(three, [.foreground, .probableForeground, .background])
                == [.foreground, .probableBackground, .background])
    }

    /// Without smoothness, each pixel takes the label of the mixture in which its colour is more likely.
    @Test func pixelsFollowTheirColoursWithoutSmoothness() {
        var image = Image(width: 12, height: 10, colour: Colour(red: 200, green: 40, blue: 30))
        image.draw(
            Image(width: 6, height: 10, colour: Colour(red: 20, green: 60, blue: 210)), x: 6, y: 0)
        let labels = (0..<120).map { pixel -> GrabCut.Label in
            switch pixel % 12 {
            case 0: .foreground
            case 11: .background
            default: .probableForeground
            }
        }
        var options = GrabCut()
        options.smoothness = 0
        var generator = Xoshiro256(seed: 1)
        let found = options.labels(of: image, from: labels, using: &generator)
        for pixel in 0..<120 {
            let isLeft = pixel % 12 < 6
            #expect([.foreground, .probableForeground].contains(found[pixel]) == isLeft)
        }
    }

    @Test func uniformPictureKeepsOnlyCertainForeground() {
        // The pixels are indistinguishable: only what is certain, or connected to it, could be foreground.
        let image = Image(width: 9, height: 7, colour: Colour(red: 40, green: 90, blue: 200))
        var labels = [GrabCut.Label](repeating: .probableForeground, count: 63)
        for pixel in 0..<9 { labels[pixel] = .background }
        labels[31] = .foreground
        let found = cut(image, labels)
        #expect(found[31] == .foreground && found[0] == .background)
        #expect(found.count { $0 == .probableForeground } == 0)
    }

    @Test func resultsAreIdenticalForAnyThreadCount() throws {
        let image = fixture.image.resized(width: 150, height: 110, using: .bicubic)
        let labels = (0..<150 * 110).map { pixel -> GrabCut.Label in
            let (x, y) = (pixel % 150 - 80, pixel / 150 - 60)
            return x * x + 2 * y * y < 4000 ? .probableForeground : .background
        }
        let results = withThreadCounts { cut(image, labels) }
        #expect(results[1] == results[0] && results[2] == results[0])
        #expect(results[0].count { $0 == .probableBackground } > 100)
    }
}
