import Images
import Platform
import Tensors

extension LabelMap {
    /// Draws the labels over a photo: label 0 is pale gray, other pixels are mixed with their label's
    /// colour, and a white line separates labels.
    ///
    /// - Parameters:
    ///   - photo: a photo of any size; the labels are resized to it.
    ///   - palette: the colour of each label, from 0 on.
    ///   - strength: the weight of the labels' colours, 0...1.
    /// - Precondition: every label has a colour.
    /// - Complexity: O(pixels of the photo).
    public func drawn(over photo: Image, palette: [Colour], strength: Double) -> Image {
        require(
            (labels.max() ?? 0) < palette.count,
            "drawn: label \(labels.max() ?? 0) with \(palette.count) colours")
        let map = resized(width: photo.width, height: photo.height).labels
        let (width, height) = (photo.width, photo.height)
        // The line is two pixels wide, one on either side of the edge.
        func isEdge(_ x: Int, _ y: Int) -> Bool {
            let label = map[y * width + x]
            return (x + 1 < width && map[y * width + x + 1] != label)
                || (x > 0 && map[y * width + x - 1] != label)
                || (y + 1 < height && map[(y + 1) * width + x] != label)
                || (y > 0 && map[(y - 1) * width + x] != label)
        }
        var pixels = photo.pixels
        for y in 0..<height {
            for x in 0..<width {
                let at = (y * width + x) * 3
                let colour = Colour(red: pixels[at], green: pixels[at + 1], blue: pixels[at + 2])
                let label = Int(map[y * width + x])
                let drawn =
                    isEdge(x, y)
                    ? Colour.white
                    : label == 0
                        ? colour.gray.mixed(with: .white, factor: 0.6)
                        : colour.mixed(with: palette[label], factor: strength)
                (pixels[at], pixels[at + 1], pixels[at + 2]) = (drawn.red, drawn.green, drawn.blue)
            }
        }
        return Image(width: width, height: height, pixels: pixels)
    }

    /// Black for the background, followed by the colours of parts: matplotlib's tab10 for up to ten parts,
    /// evenly spaced colours of jet for more.
    ///
    /// - Parameter parts: the number of parts.
    /// - Precondition: `parts` is from 0 to 255.
    public static func palette(parts: Int) -> [Colour] {
        require((0...255).contains(parts), "palette: \(parts) parts")
        return [.black] + (parts > 10 ? ColourMap.jet : .tab10).colours(count: parts)
    }
}

extension Colour {
    /// The gray of the same luma (ITU-R BT.601).
    fileprivate var gray: Colour {
        let sum: Int = 299 * Int(red) + 587 * Int(green) + 114 * Int(blue)
        let level = UInt8((sum + 500) / 1000)
        return Colour(red: level, green: level, blue: level)
    }
}
