import Images
import Platform
import ViT

// From the cells of a grid to pixels and back: by where the centres of the patches lie. A grid is not
// stretched over the picture, as there is half a patch, less half a step, between its outer cells and
// the border, and a remainder that no patch covers on the right and below.

/// Where a line of pixels lies among lines of cells.
package struct CellPlace: Hashable, Sendable {
    /// The last line of cells whose centre is not beyond, the first at least.
    package let cell: Int
    /// The line after that, or the same where it is the last.
    package let next: Int
    /// How far it is from the one to the other, 0...1.
    package let part: Float

    /// The line of cells whose centre is nearest; of two the second.
    package var nearest: Int { part < 0.5 ? cell : next }
}

/// Which cells the pixels of a picture take their values from, and the other way round, unmixed.
package struct CellSampling: Sendable {
    /// Of each row, and each column, of pixels that of cells.
    package var rows: [Int]
    package var columns: [Int]
    /// Of each row, and each column, of cells that of pixels.
    package var pixelRows: [Int]
    package var pixelColumns: [Int]

    package init(rows: [Int], columns: [Int], pixelRows: [Int], pixelColumns: [Int]) {
        self.rows = rows
        self.columns = columns
        self.pixelRows = pixelRows
        self.pixelColumns = pixelColumns
    }

    /// Pixels take the nearest cell, cells the pixel that their centre lies in.
    ///
    /// - Parameters:
    ///   - width: of a picture that shows what the photo does, in pixels; likewise `height`.
    package init(_ geometry: DescriptorGrid.Geometry, width: Int, height: Int) {
        rows = geometry.rows(of: height).map(\.nearest)
        columns = geometry.columns(of: width).map(\.nearest)
        pixelRows = geometry.vertical.centres(in: height).map { Int($0) }
        pixelColumns = geometry.horizontal.centres(in: width).map { Int($0) }
    }
}

extension CellSampling {
    /// Of a picture as the network saw it.
    package init(of picture: SegmentationFeatures) {
        self.init(
            picture.descriptors.geometry, width: picture.image.width, height: picture.image.height)
    }
}

extension DescriptorGrid.Geometry {
    /// Values of the cells at the pixels of a picture, bilinear between the centres of the patches and
    /// constant beyond the outer ones.
    ///
    /// - Parameters:
    ///   - values: one of each cell, row by row.
    ///   - width: of a picture that shows what the photo does, in pixels; likewise `height`.
    /// - Precondition: there is a value for each cell; width and height are at least 1.
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
            // Down first: it is done once for each column of cells.
            let line = (0..<grid.columns).map { column in
                values[row.cell * grid.columns + column] * (1 - row.part)
                    + values[row.next * grid.columns + column] * row.part
            }
            return places.map { line[$0.cell] * (1 - $0.part) + line[$0.next] * $0.part }
        }
    }

    /// Where the columns of pixels of a picture lie that shows what the photo does.
    package func columns(of width: Int) -> [CellPlace] {
        (0..<width).map { horizontal.place(of: Double($0) + 0.5, in: width) }
    }

    /// Likewise its rows.
    package func rows(of height: Int) -> [CellPlace] {
        (0..<height).map { vertical.place(of: Double($0) + 0.5, in: height) }
    }

    /// The cell whose centre is nearest to a place in the photo.
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

/// The cells along one side: their centres are at `index * step + patch / 2` of the image in the network.
private struct Axis {
    let cells: Int
    let image: Int
    let patch: Int
    let step: Int

    // Whole numbers are multiplied first: what divides without a rest stays exact.

    /// - Parameters:
    ///   - position: from the picture's edge, in its pixels.
    ///   - length: the picture's side.
    func place(of position: Double, in length: Int) -> CellPlace {
        let inImage = position * Double(image) / Double(length)
        let place = (inImage - Double(patch) / 2) / Double(step)
        let inside = min(max(place, 0), Double(cells - 1))
        let cell = Int(inside)
        return CellPlace(
            cell: cell, next: min(cell + 1, cells - 1), part: Float(inside - Double(cell)))
    }

    /// Where the centres are in a picture of some side, in its pixels.
    func centres(in length: Int) -> [Double] {
        (0..<cells).map {
            (Double($0 * step) + Double(patch) / 2) * Double(length) / Double(image)
        }
    }
}
