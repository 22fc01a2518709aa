import Images
import Platform
import Tensors

/// Draws the last three principal components of a grid as red, green and blue, one pixel per cell
/// (dino-vit-features, pca.py, `plot_pca`). Each component is scaled so that its minimum in the image
/// becomes 0 and its maximum 255, rounded down.
///
/// With two components blue is 0; a single one makes a gray picture. Cells that are not finite are black,
/// and a constant component is 0.
///
/// - Parameter values: `[rows, columns, components]`.
/// - Precondition: no dimension is 0.
/// - Complexity: O(count).
public func componentPicture(_ values: Tensor) -> Image {
    require(
        values.shape.rank == 3 && values.count > 0, "componentPicture: values \(values.shape)")
    let components = values.shape[2]
    let shown = Array(max(0, components - 3)..<components)
    // The components shown as red, green and blue.
    let channels: [Int?] =
        shown.count == 1 ? [0, 0, 0] : (0..<3).map { $0 < shown.count ? shown[$0] : nil }
    let cells = values.shape[0] * values.shape[1]
    var pixels = [UInt8](repeating: 0, count: cells * 3)
    values.withUnsafeElements { values in
        for (channel, component) in channels.enumerated() {
            guard let component else { continue }
            let present = (0..<cells).lazy.map { values[$0 * components + component] }
                .filter(\.isFinite)
            guard let least = present.min(), let greatest = present.max(), greatest > least else {
                continue
            }
            for cell in 0..<cells {
                let value = values[cell * components + component]
                guard value.isFinite else { continue }
                pixels[cell * 3 + channel] = UInt8((value - least) / (greatest - least) * 255)
            }
        }
    }
    return Image(width: values.shape[1], height: values.shape[0], pixels: pixels)
}

/// Draws ``componentPicture(_:)`` at the size of the photo or any other; each pixel has the colour of the
/// cell whose centre is nearest.
///
/// - Parameters:
///   - values: `[rows, columns, components]`.
///   - geometry: the grid's position on the photo.
///   - width: width of the result in pixels.
///   - height: its height in pixels.
/// - Precondition: no dimension of `values` is 0; its rows and columns are the geometry's grid; width and
///   height are at least 1.
/// - Complexity: O(count + height * width).
public func componentPicture(
    _ values: Tensor, geometry: DescriptorGrid.Geometry, width: Int, height: Int
) -> Image {
    let cells = componentPicture(values)
    require(
        cells.height == geometry.grid.rows && cells.width == geometry.grid.columns && width > 0
            && height > 0,
        "componentPicture: values \(values.shape) on \(geometry.grid.rows)x"
            + "\(geometry.grid.columns) cells, at \(width)x\(height) pixels")
    let sampling = CellSampling(geometry, width: width, height: height)
    let pixels = sampling.rows.flatMap { row in
        sampling.columns.flatMap { column in
            let colour = cells[column, row]
            return [colour.red, colour.green, colour.blue]
        }
    }
    return Image(width: width, height: height, pixels: pixels)
}
