import Images
import Platform
import Tensors

// Looks cells up: by their place in the photo, and by what they show.

extension DescriptorGrid {
    /// The descriptor of a cell, `[channels]`.
    ///
    /// - Precondition: the cell is in the grid.
    /// - Complexity: O(channels).
    public subscript(cell: Cell) -> Tensor {
        let index = index(of: cell)
        return matrix.rows(index..<index + 1).reshaped(to: [channels])
    }

    /// The index of a cell in row-major order: the inverse of ``cell(at:)-(Int)``.
    ///
    /// - Precondition: the cell is in the grid.
    public func index(of cell: Cell) -> Int {
        require(
            0..<grid.rows ~= cell.row && 0..<grid.columns ~= cell.column,
            "cell \(cell.row), \(cell.column) of a grid of \(grid.rows)x\(grid.columns)")
        return cell.row * grid.columns + cell.column
    }

    /// The cell whose centre is nearest to a point of the photo; the cell of ``pixel(of:)`` is the cell itself. A point
    /// beyond the photo's edge has the nearest cell at that edge.
    public func cell(at pixel: Pixel) -> Cell {
        geometry.cell(nearest: Point(x: pixel.x, y: pixel.y))
    }

    /// The cosine of each cell's descriptor with each of some others.
    ///
    /// - Parameter descriptors: `[count, channels]`, or `[channels]` for a single one; of a cell of this or another photo, or
    ///   a mean of several.
    /// - Returns: `[rows * columns, count]`, in -1...1; 0 for a descriptor of zeros.
    /// - Precondition: the descriptors have this grid's channels.
    /// - Complexity: O(cells * count * channels).
    public func similarities(to descriptors: Tensor) -> Tensor {
        require(
            1...2 ~= descriptors.shape.rank && descriptors.shape[-1] == channels,
            "similarities: descriptors \(descriptors.shape) to cells of \(channels) channels")
        let others = descriptors.reshaped(to: [descriptors.count / channels, channels])
        return matrix.normalizedRows().product(transposed: others.normalizedRows())
    }

    /// The cells whose descriptors are most similar to another by the cosine, most similar first.
    ///
    /// - Parameters:
    ///   - descriptor: `[channels]`.
    ///   - count: how many cells; all if there are fewer.
    /// - Complexity: O(cells * (channels + count)).
    public func nearest(
        to descriptor: Tensor, count: Int = 1
    ) -> [(cell: Cell, similarity: Float)] {
        let similarities = similarities(to: descriptor.reshaped(to: [channels]))
        return similarities.reshaped(to: [grid.count]).topK(min(count, grid.count))[0]
            .map { (cell(at: $0.index), $0.value) }
    }

    /// Labels of the cells as labels of the photo's pixels: each pixel gets that of the cell whose centre is nearest.
    ///
    /// - Parameter labels: one for each cell, row by row, in 0...255.
    /// - Precondition: there is a label for each cell.
    /// - Complexity: O(pixels of the photo).
    public func labelMap(_ labels: [Int]) -> LabelMap {
        require(
            labels.count == grid.count && labels.allSatisfy { 0...255 ~= $0 },
            "labelMap: \(labels.count) labels in \(labels.min() ?? 0)...\(labels.max() ?? 0) for "
                + "\(grid.rows)x\(grid.columns) cells")
        let (width, height) = (geometry.photoWidth, geometry.photoHeight)
        let sampling = CellSampling(geometry, width: width, height: height)
        return LabelMap(
            width: width, height: height,
            labels: labels.map { UInt8($0) }.gathered(
                rows: sampling.rows, columns: sampling.columns, width: grid.columns))
    }
}
