import Descriptors
import Foundation
import Images
import Tensors
import Testing
import ViT

@Suite struct GridLookupTests {
    /// Patches of 8 pixels at stride 4; the photo is 1.5 times as large as the network's image.
    private let geometry = DescriptorGrid.Geometry(
        imageWidth: 40, imageHeight: 24, patchSize: 8, stride: PatchStride(4), photoWidth: 60,
        photoHeight: 36)
    private var grid: DescriptorGrid {
        var generator = Xoshiro256(seed: 2)
        return DescriptorGrid(
            values: .normal([5, 9, 3], using: &generator), geometry: geometry)
    }

    @Test func cellIsFoundByIndexPixelAndDescriptor() {
        let grid = grid
        for index in 0..<grid.grid.count {
            let cell = grid.cell(at: index)
            #expect(grid.index(of: cell) == index)
            #expect(grid.cell(at: grid.pixel(of: cell)) == cell)
            #expect(grid[cell].shape == [3])
            #expect(grid[cell].elements == grid.matrix.rows(index..<index + 1).elements)
            let nearest = grid.nearest(to: grid[cell].scaled(by: 3))
            #expect(nearest.count == 1 && nearest[0].cell == cell)
            #expect(abs(nearest[0].similarity - 1) < 1e-6)
        }
        #expect(grid.cell(at: .init(x: -5, y: 100)) == .init(row: 4, column: 0))
    }

    @Test func nearestCellsHaveGreatestCosines() {
        let grid = grid
        let query = Tensor([1, -2, 0.5], shape: [3])
        let cosines = (0..<grid.grid.count).map { index -> Float in
            let x = grid.matrix.rows(index..<index + 1).elements
            let dot = x[0] - 2 * x[1] + 0.5 * x[2]
            let length = (x.reduce(0) { $0 + $1 * $1 } * 5.25).squareRoot()
            return dot / length
        }
        let expected = cosines.indices.sorted { cosines[$0] > cosines[$1] }
        let found = grid.nearest(to: query, count: 4)
        #expect(found.map { grid.index(of: $0.cell) } == Array(expected.prefix(4)))
        for (found, index) in zip(found, expected) {
            #expect(abs(found.similarity - cosines[index]) < 1e-6)
        }
        #expect(grid.nearest(to: query, count: 100).count == 45)
        let both = grid.similarities(to: Tensor([1, -2, 0.5, 0, 0, 0], shape: [2, 3]))
        #expect(both.shape == [45, 2])
        #expect(abs(both.elements[2 * expected[0]] - cosines[expected[0]]) < 1e-6)
        #expect(both.elements[1] == 0)
    }

    @Test func pixelsTakeLabelOfNearestCentre() {
        let grid = grid
        let labels = (0..<45).map { $0 * 5 }
        let map = grid.labelMap(labels)
        #expect(map.width == 60 && map.height == 36)
        for y in 0..<36 {
            for x in 0..<60 {
                // Centres lie at 6, 12, 18, … pixels of the photo in both directions.
                func nearest(_ pixel: Int, _ count: Int) -> [Int] {
                    let distances = (0..<count).map {
                        abs(Double(pixel) + 0.5 - 6 * Double($0 + 1))
                    }
                    return distances.indices.filter { distances[$0] == distances.min() }
                }
                let allowed = nearest(y, 5).flatMap { row in
                    nearest(x, 9).map { UInt8(labels[row * 9 + $0]) }
                }
                #expect(allowed.contains(map.labels[y * 60 + x]))
            }
        }
    }

    @Test func labelMapReadsBackEqual() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).png")
        defer { try? FileManager.default.removeItem(at: file) }
        let map = grid.labelMap((0..<45).map { $0 % 7 })
        try map.write(to: file.path)
        #expect(try LabelMap(contentsOf: file.path) == map)
    }
}
