import Descriptors
import Images
import Scores
import Synthesis

/// Arranges pictures of equal size in rows and columns.
func sheet(_ rows: [[Image]], gap: Int = 6, background: Colour = .white) -> Image {
    let cell =
        rows.first?.first.map { (width: $0.width, height: $0.height) } ?? (width: 1, height: 1)
    let columns = rows.map(\.count).max() ?? 1
    var result = Image(
        width: max(1, columns * (cell.width + gap) - gap),
        height: max(1, rows.count * (cell.height + gap) - gap), colour: background)
    for (row, images) in rows.enumerated() {
        for (column, image) in images.enumerated() {
            result.draw(image, x: column * (cell.width + gap), y: row * (cell.height + gap))
        }
    }
    return result
}

extension Creature {
    /// The picture with the mask over it, in the parts' colours.
    func parts(opacity: UInt8 = 200) -> Image {
        let pixels = mask.flatMap { part -> [UInt8] in
            let colour = Part.palette[Int(part)]
            return [colour.red, colour.green, colour.blue]
        }
        let colours = Image(width: image.width, height: image.height, pixels: pixels)
        return image.blended(with: colours, mask: mask.map { $0 == 0 ? 120 : opacity })
    }
}

extension Image {
    /// The picture with saliency over it, in colours.
    func shaded(by saliency: PixelSaliency) -> Image {
        let values = saliency.pixels()
        let colours = ColourMap.turbo.image(values, width: width, height: height)
        return blended(with: colours, mask: values.map { UInt8(110 + 80 * min(max($0, 0), 1)) })
    }

    /// The picture with discs at the given places.
    func marked(_ places: [(Point, Colour)], radius: Double) -> Image {
        var result = self
        for (place, colour) in places {
            result.drawDisc(
                at: place, radius: radius, colour: colour, ring: .black, ringWidth: radius / 4)
        }
        return result
    }
}
