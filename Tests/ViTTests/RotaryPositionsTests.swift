import Foundation
import Tensors
import Testing
import ViT

/// Results of PyTorch, transformers and timm; `Fixtures/make_positions.py` made them.
enum PositionFixture {
    /// Grids to which codes were resampled: larger, smaller, and both at once.
    static let targetGrids = [(6, 5), (9, 11), (3, 2), (1, 1), (4, 12), (13, 3)].map {
        PatchGrid(rows: $0, columns: $1)
    }

    static func file() throws -> TensorFile {
        try TensorFile(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "Fixtures/Positions/positions.safetensors").path)
    }
}

@Suite struct RotaryPositionsTests {
    @Test(arguments: [(64, 3, 5), (12, 1, 1), (24, 7, 2)])
    func anglesMatchTransformers(headWidth: Int, rows: Int, columns: Int) throws {
        let file = try PositionFixture.file()
        let angles = RotaryPositions(headWidth: headWidth)
            .angles(on: PatchGrid(rows: rows, columns: columns))
        for (name, value) in [("cos", angles.cosines), ("sin", angles.sines)] {
            let expected = try file.tensor(named: "\(name).\(headWidth).\(rows)x\(columns)")
            #expect(value.shape == expected.shape)
            for (x, y) in zip(value.elements, expected.elements) {
                // Two roundings of an angle of up to 2 pi, and the cosine's own.
                #expect(abs(x - y) <= 1e-6)
            }
        }
    }

    @Test func anglesAreCachedUntilThePeriodsChange() {
        var positions = RotaryPositions(headWidth: 8, base: 16)
        #expect(positions.periods == [1, 4])
        let grid = PatchGrid(rows: 2, columns: 3)
        let before = positions.angles(on: grid)
        withUnsafePointers(reading: positions.angles(on: grid).sines, before.sines) {
            #expect($0 == $1)
        }
        positions.periods = [2, 4]
        let after = positions.angles(on: grid)
        // The second row's centre is at 1/2, half a period of 1 and a quarter of one of 2.
        #expect(abs(before.cosines[3, 0] + 1) <= 1e-6 && abs(after.cosines[3, 0]) <= 1e-6)
        #expect(identical(after.cosines.columns(1..<2), before.cosines.columns(1..<2)))
    }
}
