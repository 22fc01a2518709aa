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
        let heat = geometry.interpolated(levels, width: photo.width, height: photo.height)
        let colours = ColourMap.turbo.image(heat, width: photo.width, height: photo.height)
        return photo.blended(with: colours, mask: heat.map { UInt8(115 + 75 * $0) })
    }
}
