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

    /// To the bit: the weights are fixed-point numbers, and only their making is in floating point.
    /// Were another libm's sine to round otherwise, one level in a thousand samples is allowed.
    @Test(arguments: cases)
    func pillow(_ expected: Case) {
        let image = expected.resized()
        #expect(image.width == expected.width && image.height == expected.height)
        let difference = Difference(image.pixels, expected.pixels)
        #expect(difference.most <= 1)
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

    @Test func shorterSideCutsTheFractionOff() {
        // 224 * 3024 / 4032 backwards: 298.67 becomes 298, as torchvision has it.
        let wide = Image(width: 403, height: 302).resized(shorterSide: 22)
        #expect((wide.width, wide.height) == (29, 22))
        let tall = Image(width: 302, height: 403).resized(shorterSide: 22)
        #expect((tall.width, tall.height) == (22, 29))
        let square = Image(width: 8, height: 8).resized(shorterSide: 13)
        #expect((square.width, square.height) == (13, 13))
    }

    @Test func theSameSizeIsTheSamePicture() {
        let image = noise(width: 9, height: 7)
        for filter in Filter.allCases {
            #expect(image.resized(width: 9, height: 7, using: filter) == image)
        }
    }

    /// Weights sum to one, whatever the filter and the size.
    @Test(arguments: Filter.allCases)
    func oneColourStays(_ filter: Filter) {
        let colour = Colour(0xFF8001)
        let image = Image(width: 37, height: 23, colour: colour)
        for (width, height) in [(1, 1), (5, 60), (90, 7), (36, 22)] {
            let resized = image.resized(width: width, height: height, using: filter)
            #expect(resized == Image(width: width, height: height, colour: colour))
        }
    }

    @Test func croppingTakesThePart() {
        let image = noise(width: 9, height: 7)
        let part = image.cropped(to: Box(x: 2, y: 1, width: 5, height: 4))
        #expect((part.width, part.height) == (5, 4))
        for row in 0..<4 {
            for column in 0..<5 { #expect(part[column, row] == image[column + 2, row + 1]) }
        }
    }
}
