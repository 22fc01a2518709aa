import Platform
import Tensors
import ViT

/// For each cell of a frame, the most similar cells of other frames within a window around its place.
///
/// A band of rows is multiplied with the rows of another frame within reach, at the speed of matrix
/// products; then the columns within reach are searched in each row of products. Only
/// `bandRows * (bandRows + 2 reach) * columns²` similarities are stored at a time, never cells x cells.
package struct NeighbourhoodSearch: ~Copyable {
    private let grid: PatchGrid
    /// The maximum distance in rows and in columns between compared cells.
    private let reach: Int
    /// The number of neighbours kept per cell.
    package let count: Int
    /// `[cells, count]`, greatest first; -infinity for neighbours not found.
    package private(set) var similarities: [Float]
    /// `[cells, count]`: frame and cell of each neighbour, as `frame * cells + cell`.
    package private(set) var places: [Int32]

    /// Rows multiplied at once. More rows compute more products out of reach; fewer amortise packing
    /// less.
    private static let bandRows = 4
    /// Cells that one task searches.
    private static let cellsPerTask = 16

    /// Prepares the search for one frame.
    ///
    /// - Parameters:
    ///   - grid: the cells of every frame.
    ///   - frames: the number of other frames that it is compared with.
    ///   - reach: the maximum distance in rows and in columns between compared cells.
    ///   - count: the number of neighbours kept, limited to `frames` times the cells within reach.
    package init(grid: PatchGrid, frames: Int, reach: Int, count: Int) {
        self.grid = grid
        self.reach = min(reach, max(grid.rows, grid.columns))
        let reached = min(grid.rows, 2 * self.reach + 1) * min(grid.columns, 2 * self.reach + 1)
        let count = min(count, frames * reached)
        self.count = count
        similarities = [Float](repeating: -.infinity, count: grid.count * count)
        places = [Int32](repeating: -1, count: grid.count * count)
    }

    /// Compares the frame with another one. On equal similarities the first found stays.
    ///
    /// - Parameters:
    ///   - features: the frame's features, `[cells, channels]`, rows of length 1.
    ///   - others: the other frame's features, likewise.
    ///   - frame: the other frame's number in `places`.
    /// - Complexity: O(cells * (bandRows + 2 reach) * columns * channels).
    package mutating func compare(_ features: Tensor, with others: Tensor, frame: Int) {
        require(
            features.shape == others.shape && features.shape.rank == 2
                && features.shape[0] == grid.count,
            "compare: \(features.shape) with \(others.shape) on \(grid.rows)x\(grid.columns)")
        let channels = features.shape[1]
        let columns = grid.columns
        let widest = min(grid.rows, Self.bandRows + 2 * reach) * columns
        let scratch = Storage(count: Self.bandRows * columns * widest)
        withUnsafePointers(reading: features, others, scratch) { features, others, products in
            for firstRow in stride(from: 0, to: grid.rows, by: Self.bandRows) {
                let band = firstRow..<min(grid.rows, firstRow + Self.bandRows)
                let reached = max(0, firstRow - reach)..<min(grid.rows, band.upperBound + reach)
                multiply(
                    MatrixView(
                        features + firstRow * columns * channels, rows: band.count * columns,
                        columns: channels),
                    MatrixView(
                        others + reached.lowerBound * columns * channels,
                        rows: reached.count * columns, columns: channels
                    ).transposed,
                    into: products, rowStride: widest)
                lookThrough(products, rowStride: widest, band, reached, frame)
            }
        }
    }

    private mutating func lookThrough(
        _ products: UnsafePointer<Float>, rowStride: Int, _ band: Range<Int>,
        _ reached: Range<Int>, _ frame: Int
    ) {
        let (grid, reach, count) = (grid, reach, count)
        let cells = band.count * grid.columns
        similarities.withUnsafeMutableBufferPointer { similarities in
            places.withUnsafeMutableBufferPointer { places in
                guard let similarities = similarities.baseAddress, let places = places.baseAddress
                else { return }
                let tasks = (cells + Self.cellsPerTask - 1) / Self.cellsPerTask
                Parallelism.perform(count: tasks) { task in
                    let first = task * Self.cellsPerTask
                    for cell in first..<min(cells, first + Self.cellsPerTask) {
                        let (down, column) = cell.quotientAndRemainder(dividingBy: grid.columns)
                        let row = band.lowerBound + down
                        let at = (row * grid.columns + column) * count
                        let best = similarities + at
                        let place = places + at
                        let near = max(0, column - reach)..<min(grid.columns, column + reach + 1)
                        for other in max(0, row - reach)..<min(grid.rows, row + reach + 1) {
                            let line =
                                products + cell * rowStride
                                + (other - reached.lowerBound) * grid.columns
                            let start = Int32(frame * grid.count + other * grid.columns)
                            for column in near where line[column] > best[count - 1] {
                                var rank = count - 1
                                while rank > 0, line[column] > best[rank - 1] {
                                    best[rank] = best[rank - 1]
                                    place[rank] = place[rank - 1]
                                    rank -= 1
                                }
                                best[rank] = line[column]
                                place[rank] = start + Int32(column)
                            }
                        }
                    }
                }
            }
        }
    }
}
