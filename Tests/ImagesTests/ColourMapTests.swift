import Foundation
import Images
import Testing

@Suite struct ColourMapTests {
    private static let levels: [String: Data] = Fixtures.load("colourmaps.json")

    /// 1001 values from 0 to 1 through matplotlib's maps of the same names. Tables and corners are the same,
    /// but matplotlib truncates levels that rounding leaves just below a whole one.
    @Test(arguments: ColourMap.allCases)
    func mapsMatchMatplotlib(_ map: ColourMap) throws {
        let expected = try #require(Self.levels[map.rawValue])
        let found = (0...1000).flatMap { index in
            let colour = map.colour(at: Double(index) / 1000)
            return [colour.red, colour.green, colour.blue]
        }
        let difference = Difference(found, expected)
        #expect(difference.largest <= 1)
        #expect(difference.equalShare > 0.9)
    }

    @Test(arguments: ColourMap.allCases)
    func valuesOutsideTheRangeGetTheEndColours(_ map: ColourMap) {
        for low in [-1, -Double.infinity, .nan, 0] {
            #expect(map.colour(at: low) == map.colours[0])
        }
        for high in [1, 1.5, Double.infinity] { #expect(map.colour(at: high) == map.colours.last) }
    }

    @Test func tab10RepeatsAndOtherMapsInterpolate() {
        #expect(ColourMap.tab10.colours(count: 12)[10] == ColourMap.tab10.colours[0])
        #expect(ColourMap.gray.colours(count: 3).map(\.red) == [0, 128, 255])
        #expect(
            ColourMap.gray.image([0, 1], width: 2, height: 1).pixels == [0, 0, 0, 255, 255, 255])
    }
}
