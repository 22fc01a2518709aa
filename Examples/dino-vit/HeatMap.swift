import Descriptors
import Images

/// The size of a photo that is drawn at a scale: whole pixels, at least one.
func scaled(_ width: Int, _ height: Int, by scale: Double) -> (width: Int, height: Int) {
    func side(_ pixels: Int) -> Int { max(1, Int((Double(pixels) * scale).rounded())) }
    return (side(width), side(height))
}

extension Image {
    /// The photo at the size that results are drawn at.
    func display(
        _ size: (Int, Int) -> (width: Int, height: Int) = HeatMap.displaySize
    ) -> Image {
        let drawn = size(width, height)
        return resized(width: drawn.width, height: drawn.height, using: .bilinear)
    }
}

/// Values of patches, drawn over the photo.
struct HeatMap {
    /// `rows * columns` values.
    let values: [Float]
    let geometry: DescriptorGrid.Geometry

    /// The maximum size of the longer side of drawn pictures, for small files.
    static let longestSide = 640

    /// The size at which a photo is drawn, at most its own.
    static func displaySize(width: Int, height: Int) -> (width: Int, height: Int) {
        scaled(width, height, by: min(1, Double(longestSide) / Double(max(width, height))))
    }

    /// Draws the values over the photo, bilinear between the centres of the patches and scaled from their
    /// minimum to their maximum. The photo shows more where values are low.
    func drawn(over photo: Image) -> Image {
        let least = values.min() ?? 0
        let range = (values.max() ?? 0) - least
        let levels = values.map { range > 0 ? ($0 - least) / range : 0 }
        let heat = geometry.interpolated(levels, width: photo.width, height: photo.height)
        let colours = ColourMap.turbo.image(heat, width: photo.width, height: photo.height)
        return photo.blended(with: colours, mask: heat.map { UInt8(115 + 75 * $0) })
    }
}
