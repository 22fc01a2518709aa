import Tensors
import Testing
import ViT

/// The codes of single grids; FeaturesTests holds them to the official code within a model.
@Suite struct PositionEncodingTests {
    private let grid = PatchGrid(rows: 4, columns: 4)
    private let table = Tensor((0..<17 * 3).map { Float($0 % 7) }, shape: [17, 3])

    @Test("The trained grid takes the table as it stands where the image is square")
    func asItStands() {
        let encoding = PositionEncoding(table: table, grid: grid)
        #expect(encoding.classToken == table.rows(0..<1))
        #expect(encoding.patches(on: grid, isSquare: true) == table.rows(1..<17))
        #expect(encoding.patches(on: grid, isSquare: false) != table.rows(1..<17))
        let bySize = PositionEncoding(table: table, grid: grid, resampling: .size)
        #expect(bySize.patches(on: grid, isSquare: false) == table.rows(1..<17))
    }

    @Test("A grid of another form is resampled, even with as many patches")
    func otherForm() {
        // 15x15 pixels in patches of 8, steps of 7 down and 1 across.
        let other = PatchGrid(rows: 2, columns: 8)
        let encoding = PositionEncoding(table: table, grid: grid)
        let codes = encoding.patches(on: other, isSquare: true)
        #expect(codes == encoding.patches(on: other, isSquare: false))
        #expect(codes != table.rows(1..<17))
    }

    @Test("Codes that do not vary stay as they are", arguments: PositionResampling.allCases)
    func constant(resampling: PositionResampling) {
        let flat = Tensor(repeating: 0.75, shape: [17, 3])
        let encoding = PositionEncoding(table: flat, grid: grid, resampling: resampling)
        for target in [PatchGrid(rows: 1, columns: 1), PatchGrid(rows: 9, columns: 30)] {
            for value in encoding.patches(on: target, isSquare: false).elements {
                // Each pass sums four products of weights that sum to 1.
                #expect(abs(value - 0.75) <= 1e-6)
            }
        }
    }

    @Test("Codes are kept, and right, for more grids than are kept")
    func manyGrids() {
        let encoding = PositionEncoding(table: table, grid: grid)
        let targets = (1...20).map { PatchGrid(rows: 1 + $0 % 3, columns: $0) }
        let first = targets.map { encoding.patches(on: $0, isSquare: false) }
        for (target, codes) in zip(targets, first).reversed() {
            let fresh = PositionEncoding(table: table, grid: grid)
            #expect(encoding.patches(on: target, isSquare: false) == codes)
            #expect(fresh.patches(on: target, isSquare: false) == codes)
            #expect(codes.shape == [target.count, 3])
        }
    }
}
