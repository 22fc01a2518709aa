import Images
import Platform
import ViT

// Maps the cells of a grid to pixels and back, by the centres of the patches. A grid is not simply
// stretched over the picture: between its outer cells and the border lies half a patch less half a step,
// and on the right and below a remainder that no patch covers.

/// The position of a row or column of pixels among the rows or columns of cells.
package struct CellPlace: Hashable, Sendable {
    /// The last row (or column) of cells whose centre is not beyond the pixels, at least the first.
    package let cell: Int
    /// The row after `cell`, or `cell` itself if that is the last.
    package let next: Int
    /// The position between `cell` and `next`, 0...1.
    package let part: Float

    /// The row of cells whose centre is nearest; `next` if both are equally near.
    package var nearest: Int { part < 0.5 ? cell : next }
}

/// Nearest-neighbour sampling between cells and pixels, in both directions.
package struct CellSampling: Sendable {
    /// For each row of pixels, the row of cells.
    package var rows: [Int]
    /// For each column of pixels, the column of cells.
    package var columns: [Int]
    /// For each row of cells, the row of pixels.
    package var pixelRows: [Int]
    /// For each column of cells, the column of pixels.
    package var pixelColumns: [Int]

    package init(rows: [Int], columns: [Int], pixelRows: [Int], pixelColumns: [Int]) {
        self.rows = rows
        self.columns = columns
        self.pixelRows = pixelRows
        self.pixelColumns = pixelColumns
    }

    /// Maps each pixel to the nearest cell and each cell to the pixel that contains its centre.
    ///
    /// - Parameters:
    ///   - geometry: the grid's position on the photo.
    ///   - width: width in pixels of a picture with the photo's content; likewise `height`.
    package init(_ geometry: DescriptorGrid.Geometry, width: Int, height: Int) {
        rows = geometry.rows(of: height).map(\.nearest)
        columns = geometry.columns(of: width).map(\.nearest)
        pixelRows = geometry.vertical.centres(in: height).map { Int($0) }
        pixelColumns = geometry.horizontal.centres(in: width).map { Int($0) }
    }
}

extension CellSampling {
    /// Samples a picture at the size of the network's input.
    package init(of picture: SegmentationFeatures) {
        self.init(
            picture.descriptors.geometry, width: picture.image.width, height: picture.image.height)
    }
}

extension DescriptorGrid.Geometry {
    /// Interpolates values of cells at the pixels of a picture, bilinearly between the centres of the
    /// patches; beyond the outer centres the values are constant.
    ///
    /// - Parameters:
    ///   - values: one value per cell, row by row.
    ///   - width: width in pixels of a picture with the photo's content.
    ///   - height: its height in pixels.
    /// - Precondition: there is one value per cell; width and height are at least 1.
    /// - Returns: `height * width` values, row by row.
    /// - Complexity: O(height * width).
    public func interpolated(_ values: [Float], width: Int, height: Int) -> [Float] {
        let grid = grid
        require(
            values.count == grid.count && width > 0 && height > 0,
            "interpolated: \(values.count) values on \(grid.rows)x\(grid.columns) cells, at "
                + "\(width)x\(height) pixels")
        let places = columns(of: width)
        return rows(of: height).flatMap { row in
            // Vertical first: that takes one interpolation per column of cells, not per pixel.
            let line = (0..<grid.columns).map { column in
                values[row.cell * grid.columns + column] * (1 - row.part)
                    + values[row.next * grid.columns + column] * row.part
            }
            return places.map { line[$0.cell] * (1 - $0.part) + line[$0.next] * $0.part }
        }
    }

    /// The places of the pixel columns of a picture with the photo's content.
    package func columns(of width: Int) -> [CellPlace] {
        (0..<width).map { horizontal.place(of: Double($0) + 0.5, in: width) }
    }

    /// The places of the pixel rows of a picture with the photo's content.
    package func rows(of height: Int) -> [CellPlace] {
        (0..<height).map { vertical.place(of: Double($0) + 0.5, in: height) }
    }

    /// The cell whose centre is nearest to a point of the photo.
    package func cell(nearest place: Point) -> DescriptorGrid.Cell {
        DescriptorGrid.Cell(
            row: vertical.place(of: place.y, in: photoHeight).nearest,
            column: horizontal.place(of: place.x, in: photoWidth).nearest)
    }

    fileprivate var horizontal: Axis {
        Axis(
            cells: grid.columns, image: imageWidth, patch: patchSize, step: stride.horizontal)
    }

    fileprivate var vertical: Axis {
        Axis(cells: grid.rows, image: imageHeight, patch: patchSize, step: stride.vertical)
    }
}

/// The cells along one axis; their centres are at `index * step + patch / 2` in the network's image.
private struct Axis {
    let cells: Int
    let image: Int
    let patch: Int
    let step: Int

    // Multiplication comes before division, so that quotients without a remainder are exact.

    /// The place of a position among the cells.
    ///
    /// - Parameters:
    ///   - position: distance from the picture's edge, in its pixels.
    ///   - length: the picture's side.
    func place(of position: Double, in length: Int) -> CellPlace {
        let inImage = position * Double(image) / Double(length)
        let place = (inImage - Double(patch) / 2) / Double(step)
        let inside = min(max(place, 0), Double(cells - 1))
        let cell = Int(inside)
        return CellPlace(
            cell: cell, next: min(cell + 1, cells - 1), part: Float(inside - Double(cell)))
    }

    /// The cells' centres in a picture of side `length`, in its pixels.
    func centres(in length: Int) -> [Double] {
        (0..<cells).map {
            (Double($0 * step) + Double(patch) / 2) * Double(length) / Double(image)
        }
    }
}
