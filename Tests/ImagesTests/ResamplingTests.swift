import CImages
import Foundation
import Images
import Testing

@Suite(.serialized) struct ResamplingTests {
    struct Case: Decodable, CustomTestStringConvertible {
        let filter: Filter
        let source: [Int]
        let width: Int
        let height: Int
        let box: [Int]?
        let pixels: Data

        var testDescription: String {
            "\(filter) \(source) \(box.map { "\($0) " } ?? "")to \(width)x\(height)"
        }

        func resized() -> Image {
            noise(width: source[0], height: source[1]).resized(
                width: width, height: height, using: filter,
                box: box.map { Box(x: $0[0], y: $0[1], width: $0[2], height: $0[3]) })
        }
    }

    static let cases: [Case] = Fixtures.load("resampling.json")

    /// The weights are fixed-point numbers, only computed in floating point, so the pixels are equal. In case
    /// another libm rounds sines differently, one sample in a thousand may be off by a level.
    @Test(arguments: cases)
    func resizingMatchesPillow(_ expected: Case) {
        let image = expected.resized()
        #expect(image.width == expected.width && image.height == expected.height)
        let difference = Difference(image.pixels, expected.pixels)
        #expect(difference.largest <= 1)
        #expect(difference.equalShare >= 0.999)
    }

    @Test(arguments: cases)
    func allInstructionSetsAgree(_ expected: Case) {
        defer { cimage_limit_instructions(3) }
        let results = (0...2).map { level in
            cimage_limit_instructions(Int32(level))
            return expected.resized()
        }
        #expect(results[0] == results[1])
        #expect(results[0] == results[2])
    }

    @Test func shorterSideTruncatesTheLongerOne() {
        // As in torchvision, where 224 * 4032 / 3024 = 298.67 becomes 298.
        let wide = Image(width: 403, height: 302).resized(shorterSide: 22)
        #expect((wide.width, wide.height) == (29, 22))
        let tall = Image(width: 302, height: 403).resized(shorterSide: 22)
        #expect((tall.width, tall.height) == (22, 29))
        let square = Image(width: 8, height: 8).resized(shorterSide: 13)
        #expect((square.width, square.height) == (13, 13))
    }

    @Test func resizingToTheSameSizeChangesNothing() {
        let image = noise(width: 9, height: 7)
        for filter in Filter.allCases {
            #expect(image.resized(width: 9, height: 7, using: filter) == image)
        }
    }

    /// Weights sum to one, whatever the filter and the size.
    @Test(arguments: Filter.allCases)
    func resizingKeepsAUniformColour(_ filter: Filter) {
        let colour = Colour(0xFF8001)
        let image = Image(width: 37, height: 23, colour: colour)
        for (width, height) in [(1, 1), (5, 60), (90, 7), (36, 22)] {
            let resized = image.resized(width: width, height: height, using: filter)
            #expect(resized == Image(width: width, height: height, colour: colour))
        }
    }

    @Test func croppingCopiesTheBox() {
        let image = noise(width: 9, height: 7)
        let part = image.cropped(to: Box(x: 2, y: 1, width: 5, height: 4))
        #expect((part.width, part.height) == (5, 4))
        for row in 0..<4 {
            for column in 0..<5 { #expect(part[column, row] == image[column + 2, row + 1]) }
        }
    }
}
