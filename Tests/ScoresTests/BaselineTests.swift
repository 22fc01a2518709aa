import Foundation
import Images
import Scores
import Testing

/// The baselines' descriptors against those of scikit-image and numpy (make_fixtures.py).
@Suite struct BaselineTests {
    private let picture: Image
    private let expected: Expected
    /// The tests look at the patch in row 1 and column 2, whose neighbours are complete.
    private let view = PatchView(loadSize: 32, stride: 8)

    init() throws {
        picture = try Image(contentsOf: Expected.folder + "/blobs.png")
        expected = try Expected()
    }

    private func isNear(_ a: some Collection<Float>, _ b: [Double]) -> Bool {
        // The fixture has six digits.
        a.count == b.count && zip(a, b).allSatisfy { abs(Double($0) - $1) < 2e-6 }
    }

    @Test func patchColoursMatchNumPy() throws {
        let grid = try ColourDescriber(view).descriptors(of: picture)
        #expect(grid.grid.rows == 4 && grid.grid.columns == 5)
        let row = grid.matrix.rows(7..<8).elements
        #expect(isNear(row, expected.placeColours))
    }

    @Test func patchGradientsMatchScikitImage() throws {
        let grid = try GradientDescriber(view).descriptors(of: picture)
        // The fixture's block has the cells of rows 0 to 2 and columns 1 to 3.
        let row = grid.matrix.rows(7..<8).elements
        #expect(isNear(row, expected.placeGradients))
    }

    @Test func wholePictureDescriptorsMatchReferences() {
        let colours = ColourDescriber().row(of: picture)
        var histogram = [Double](repeating: 0, count: 512)
        for (bin, value) in expected.pictureHistogram { histogram[Int(bin) ?? 0] = value }
        #expect(isNear(colours, histogram))
        let gradients = GradientDescriber(pictureSide: nil).row(of: picture)
        #expect(isNear(gradients, expected.blocks))
    }

    @Test func adjustedRandIndexMatchesScikitLearn() {
        var table = ContingencyTable()
        for (a, b) in zip(expected.first, expected.second) { table.add(a, b) }
        #expect(abs(table.adjustedRandIndex - expected.adjustedRandIndex) < 1e-8)
    }
}

/// The content of expected.json.
private struct Expected: Decodable {
    var blocks: [Double]
    var pictureHistogram: [String: Double]
    var placeColours: [Double]
    var placeGradients: [Double]
    var first: [UInt8]
    var second: [UInt8]
    var adjustedRandIndex: Double

    static var folder: String {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures").path
    }

    init() throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: Self.folder + "/expected.json"))
        self = try JSONDecoder().decode(Self.self, from: data)
    }
}
