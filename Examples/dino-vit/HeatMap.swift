import Descriptors
import Images
import Tensors

/// A value for each patch, shown over the photo.
struct HeatMap {
    /// `rows * columns` values.
    let values: [Float]
    let geometry: DescriptorGrid.Geometry

    /// The longer side of the pictures that are drawn on: enough for the eye, small as a file.
    static let longestSide = 640

    /// A photo's size in such a picture: no larger than the photo.
    static func displaySize(width: Int, height: Int) -> (width: Int, height: Int) {
        let scale = min(1, Double(longestSide) / Double(max(width, height)))
        return (
            max(1, Int((Double(width) * scale).rounded())),
            max(1, Int((Double(height) * scale).rounded()))
        )
    }

    /// The photo with the values over it, bilinear between the centres of the patches, the least
    /// dark and the greatest bright. What is low lets more of the photo through.
    func drawn(over photo: Image) -> Image {
        let least = values.min() ?? 0
        let range = (values.max() ?? 0) - least
        let levels = values.map { range > 0 ? ($0 - least) / range : 0 }
        let grid = geometry.grid
        // Where a pixel's centre lies between the patches' centres, along one axis.
        func places(
            _ count: Int, image: Int, stride: Int, cells: Int
        ) -> [(cell: Int, next: Int, part: Float)] {
            (0..<count).map { pixel in
                let position = (Double(pixel) + 0.5) * Double(image) / Double(count)
                let place = (position - Double(geometry.patchSize) / 2) / Double(stride)
                let inside = min(max(place, 0), Double(cells - 1))
                let cell = Int(inside)
                return (cell, min(cell + 1, cells - 1), Float(inside) - Float(cell))
            }
        }
        let columns = places(
            photo.width, image: geometry.imageWidth, stride: geometry.stride.horizontal,
            cells: grid.columns)
        let rows = places(
            photo.height, image: geometry.imageHeight, stride: geometry.stride.vertical,
            cells: grid.rows)
        var heat = [Float](repeating: 0, count: photo.width * photo.height)
        for (y, row) in rows.enumerated() {
            let upper = row.cell * grid.columns
            let lower = row.next * grid.columns
            for (x, column) in columns.enumerated() {
                func along(_ start: Int) -> Float {
                    levels[start + column.cell] * (1 - column.part)
                        + levels[start + column.next] * column.part
                }
                heat[y * photo.width + x] = along(upper) * (1 - row.part) + along(lower) * row.part
            }
        }
        let colours = ColourMap.turbo.image(heat, width: photo.width, height: photo.height)
        return photo.blended(with: colours, mask: heat.map { UInt8(115 + 75 * $0) })
    }
}
