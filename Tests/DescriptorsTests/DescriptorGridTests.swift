import Descriptors
import Tensors
import Testing
import ViT

struct LogBinningCase: Decodable {
    let rows: Int
    let columns: Int
    let heads: Int
    let hierarchy: Int
    /// `[1 + patches, heads * headWidth]`, in the layout of `Features`.
    let tokens: [Float]
    let plain: [Float]
    let classToken: [Float]
    let every: Int
    let binned: [Float]

    static func all() throws -> [Self] { try fixture("log-binning.json") }

    func descriptors(_ facet: Facet, image: Int = 0, of batch: Int = 1) -> DescriptorGrid {
        let width = tokens.count / (1 + rows * columns)
        // The other images of the batch have different values.
        let values = (0..<batch).flatMap { index in
            tokens.map { index == image ? $0 : $0 + 1 }
        }
        let tap = FeatureTap(layer: 3, facet: facet)
        let features = Features(
            layout: TokenLayout(grid: PatchGrid(rows: rows, columns: columns)),
            configuration: .init(width: width, depth: 4, heads: heads),
            values: [tap: Tensor(values, shape: [batch, 1 + rows * columns, width])])
        return DescriptorGrid(
            features, tap: tap, image: image,
            geometry: .init(width: columns, height: rows, patchSize: 1, stride: PatchStride(1)))
    }
}

@Suite struct DescriptorGridTests {
    @Test(arguments: [Facet.query, .key, .value])
    func headsAreInnermostAsInReference(facet: Facet) throws {
        for example in try LogBinningCase.all() {
            let grid = example.descriptors(facet, image: 1, of: 3)
            #expect(grid.values.elements == example.plain)
            #expect(grid.classToken?.elements == example.classToken)
        }
    }

    @Test func tokensKeepTheirOrder() throws {
        for example in try LogBinningCase.all() {
            let grid = example.descriptors(.token)
            #expect(grid.classToken?.elements == Array(example.tokens.prefix(8)))
            #expect(grid.values.elements == Array(example.tokens.dropFirst(8)))
        }
    }

    @Test func logBinningMatchesReference() throws {
        for example in try LogBinningCase.all() {
            let grid = example.descriptors(.key)
            let binned = grid.logBinned(hierarchy: example.hierarchy)
            #expect(
                binned.shape == [example.rows, example.columns, 8 * (1 + 8 * example.hierarchy)])
            #expect(Binning.logarithmic(hierarchy: example.hierarchy).bins == binned.shape[2] / 8)
            let read = stride(from: 0, to: binned.count, by: example.every).map {
                binned.elements[$0]
            }
            #expect(read.count == example.binned.count)
            // Averages of up to 81 numbers of magnitude 3, summed in a different order.
            #expect(greatestDifference(read, example.binned) < 2e-6)
        }
    }

    @Test func pixelIsPatchCentreWithoutResizing() {
        // index * stride + patch / 2 (correspondences.py); strides differ by direction.
        let geometry = DescriptorGrid.Geometry(
            width: 229, height: 224, patchSize: 8, stride: .init(vertical: 4, horizontal: 2))
        #expect(geometry.grid == PatchGrid(rows: 55, columns: 111))
        #expect(geometry.pixel(of: .init(row: 0, column: 0)) == .init(x: 4, y: 4))
        #expect(geometry.pixel(of: .init(row: 3, column: 5)) == .init(x: 14, y: 16))
    }

    @Test func pixelIsPatchCentreAfterResizing() {
        // 912x696 pixels resized to 456x232: the centre of the middle cell of a grid with stride 8 lies in the middle
        // of both images.
        let geometry = DescriptorGrid.Geometry(
            imageWidth: 456, imageHeight: 232, patchSize: 8, stride: PatchStride(8),
            photoWidth: 912, photoHeight: 696)
        #expect(geometry.grid == PatchGrid(rows: 29, columns: 57))
        #expect(geometry.pixel(of: .init(row: 14, column: 28)) == .init(x: 456, y: 348))
        #expect(geometry.pixel(of: .init(row: 0, column: 1)) == .init(x: 24, y: 12))
    }

    @Test func cellsAreNumberedRowByRow() {
        let grid = grid(noise(24, seed: 1), 3, 4)
        #expect(grid.channels == 2)
        #expect(grid.cell(at: 7) == .init(row: 1, column: 3))
        #expect(grid.matrix.shape == [12, 2])
    }
}
