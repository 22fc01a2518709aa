import Tensors
import Testing
import ViT

/// The codes of single grids; FeaturesTests compares them with the official code within a model.
@Suite struct PositionEncodingTests {
    private let grid = PatchGrid(rows: 4, columns: 4)
    private let table = Tensor((0..<17 * 3).map { Float($0 % 7) }, shape: [17, 3])

    @Test func trainedGridUsesTheTableForSquareImages() {
        let encoding = PositionEncoding(table: table, grid: grid)
        #expect(encoding.codes(on: grid, isSquare: true) == table)
        let resampled = encoding.codes(on: grid, isSquare: false)
        #expect(resampled.rows(0..<1) == table.rows(0..<1))
        #expect(resampled.rows(1..<17) != table.rows(1..<17))
        let bySize = PositionEncoding(table: table, grid: grid, resampling: .size)
        #expect(bySize.codes(on: grid, isSquare: false) == table)
    }

    @Test func newTableReplacesCachedCodes() {
        let other = PatchGrid(rows: 3, columns: 5)
        var encoding = PositionEncoding(table: table, grid: grid)
        let copy = encoding
        let before = encoding.codes(on: other, isSquare: false)
        encoding.table = Tensor(table.elements.map { 2 * $0 }, shape: table.shape)
        #expect(
            encoding.codes(on: other, isSquare: false).elements == before.elements.map { 2 * $0 })
        #expect(copy.codes(on: other, isSquare: false) == before)
    }

    /// Even if it has as many patches as the trained grid.
    @Test func gridOfAnotherShapeIsResampled() {
        // 15x15 pixels in patches of 8, steps of 7 down and 1 across.
        let other = PatchGrid(rows: 2, columns: 8)
        let encoding = PositionEncoding(table: table, grid: grid)
        let codes = encoding.codes(on: other, isSquare: true)
        #expect(codes == encoding.codes(on: other, isSquare: false))
        #expect(codes != table)
    }

    @Test(arguments: PositionResampling.allCases)
    func constantCodesStayConstant(resampling: PositionResampling) {
        let flat = Tensor(repeating: 0.75, shape: [17, 3])
        let encoding = PositionEncoding(table: flat, grid: grid, resampling: resampling)
        for target in [PatchGrid(rows: 1, columns: 1), PatchGrid(rows: 9, columns: 30)] {
            for value in encoding.codes(on: target, isSquare: false).rows(1..<1 + target.count)
                .elements
            {
                // Each pass sums four products of weights that sum to 1.
                #expect(abs(value - 0.75) <= 1e-6)
            }
        }
    }

    @Test func codesAreCorrectForMoreGridsThanAreCached() {
        let encoding = PositionEncoding(table: table, grid: grid)
        let targets = (1...20).map { PatchGrid(rows: 1 + $0 % 3, columns: $0) }
        let first = targets.map { encoding.codes(on: $0, isSquare: false) }
        for (target, codes) in zip(targets, first).reversed() {
            let fresh = PositionEncoding(table: table, grid: grid)
            #expect(encoding.codes(on: target, isSquare: false) == codes)
            #expect(fresh.codes(on: target, isSquare: false) == codes)
            #expect(codes.shape == [1 + target.count, 3])
        }
    }

    @Test(arguments: PositionFixture.targetGrids)
    func antialiasedCodesAndGradientMatchPyTorch(target: PatchGrid) throws {
        let file = try PositionFixture.file()
        func patches(_ name: String) throws -> Tensor {
            try file.tensor(named: "\(name).\(target.rows)x\(target.columns)")
        }
        func withClassToken(_ patches: Tensor) -> Tensor {
            .concatenated([Tensor(repeating: 2, shape: [1, 3]), patches])
        }
        let codes = withClassToken(try file.tensor(named: "codes"))
        var encoding = PositionEncoding(
            table: codes, grid: PatchGrid(rows: 6, columns: 5), resampling: .antialiased)
        // Sums of up to 30 products of numbers up to 3.
        let expected = withClassToken(try patches("codes"))
        #expect(relativeError(encoding.codes(on: target, isSquare: false), expected) <= 3e-7)

        let tape = Tape()
        encoding.table = tape.track(codes)
        let weights = withClassToken(try patches("weights"))
        var gradients: [Tensor?] = [nil]
        tape.backward(
            from: encoding.codes(on: target, isSquare: false), gradient: weights, into: &gradients)
        let gradient = try #require(gradients[0])
        #expect(relativeError(gradient, withClassToken(try patches("gradient"))) <= 3e-7)
    }

    @Test(arguments: PositionResampling.allCases)
    func gradientIsTheTransposeOfResampling(resampling: PositionResampling) throws {
        for target in [PatchGrid(rows: 2, columns: 3), PatchGrid(rows: 7, columns: 9)] {
            var encoding = PositionEncoding(table: table, grid: grid, resampling: resampling)
            let codes = encoding.codes(on: target, isSquare: false)
            let weights = Tensor((0..<codes.count).map { Float($0 % 5) - 2 }, shape: codes.shape)
            let tape = Tape()
            encoding.table = tape.track(table)
            var gradients: [Tensor?] = [nil]
            tape.backward(
                from: encoding.codes(on: target, isSquare: false), gradient: weights,
                into: &gradients)
            func inner(_ a: Tensor, _ b: Tensor) -> Double {
                zip(a.elements, b.elements).reduce(0) { $0 + Double($1.0) * Double($1.1) }
            }
            // w · (A x) = (Aᵀ w) · x, of some hundred numbers up to 6.
            let gradient = try #require(gradients[0])
            #expect(abs(inner(weights, codes) - inner(gradient, table)) <= 1e-4)
        }
    }
}
