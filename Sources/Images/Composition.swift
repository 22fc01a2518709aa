import Platform

extension Image {
    /// Mixes the pictures: `1 - factor` parts of this one and `factor` of the other, rounded to the nearest level.
    ///
    /// - Precondition: the pictures have the same size; `factor` is in 0...1.
    /// - Complexity: O(pixels).
    public func blended(with other: Image, factor: Double) -> Image {
        require((0...1).contains(factor), "blended: factor \(factor) is not in 0...1")
        let mix = Mix(factor)
        return combined(with: other) { first, second, _ in mix(first, second) }
    }

    /// Mixes the pictures by a mask: this one where `mask` is 0, the other where it is 255, in proportion in between.
    ///
    /// - Parameters:
    ///   - other: a picture of the same size.
    ///   - mask: `height * width` weights of the other picture, row by row.
    /// - Precondition: the pictures have the same size, and `mask` has one weight for each pixel.
    /// - Complexity: O(pixels).
    public func blended(with other: Image, mask: [UInt8]) -> Image {
        require(
            mask.count == width * height,
            "blended: \(mask.count) weights for \(width)x\(height) pixels")
        let mixes = (0...255).map { Mix(Double($0) / 255) }
        return mask.withUnsafeBufferPointer { mask in
            mixes.withUnsafeBufferPointer { mixes in
                combined(with: other) { first, second, pixel in
                    mixes[Int(mask[pixel])](first, second)
                }
            }
        }
    }

    @inline(__always)
    private func combined(
        with other: Image, _ combine: (UInt8, UInt8, _ pixel: Int) -> UInt8
    ) -> Image {
        require(
            width == other.width && height == other.height,
            "blended: \(width)x\(height) with \(other.width)x\(other.height)")
        return Image(width: width, height: height) { samples in
            pixels.withUnsafeBufferPointer { first in
                other.pixels.withUnsafeBufferPointer { second in
                    for pixel in 0..<width * height {
                        for at in pixel * 3..<pixel * 3 + 3 {
                            samples[at] = combine(first[at], second[at], pixel)
                        }
                    }
                }
            }
        }
    }

    /// Arranges pictures in a row from left to right, with their tops aligned and `gap` pixels of background between
    /// them. Below shorter pictures the background shows.
    ///
    /// The left edge of a picture is at the sum of the widths and gaps before it.
    ///
    /// - Precondition: there is at least one picture, and `gap` is not negative.
    public static func sideBySide(
        _ images: [Image], gap: Int = 8, background: Colour = .white
    ) -> Image {
        require(
            !images.isEmpty && gap >= 0, "sideBySide: \(images.count) pictures, gap \(gap)")
        let width = images.reduce(gap * (images.count - 1)) { $0 + $1.width }
        let height = images.reduce(0) { max($0, $1.height) }
        var result = Image(width: width, height: height, colour: background)
        var x = 0
        for image in images {
            result.draw(image, x: x, y: 0)
            x += image.width + gap
        }
        return result
    }

    /// Copies `image` onto this picture with its upper left corner at column `x` and row `y`, clipped to this picture.
    public mutating func draw(_ image: Image, x: Int, y: Int) {
        let columns = max(0, x)..<max(0, x, min(width, x + image.width))
        if columns.isEmpty { return }
        for row in max(0, y)..<max(0, y, min(height, y + image.height)) {
            let to = (row * width + columns.lowerBound) * 3
            let from = ((row - y) * image.width + columns.lowerBound - x) * 3
            pixels.replaceSubrange(
                to..<to + columns.count * 3, with: image.pixels[from..<from + columns.count * 3])
        }
    }

    /// Fills the part of `box` that lies within the picture.
    ///
    /// - Parameters:
    ///   - box: the rectangle to fill.
    ///   - colour: the colour to fill with.
    ///   - opacity: the share of the colour in the result, 0...1.
    /// - Precondition: the size of `box` is not negative; `opacity` is in 0...1.
    public mutating func fill(_ box: Box, with colour: Colour, opacity: Double = 1) {
        require(
            box.width >= 0 && box.height >= 0 && (0...1).contains(opacity),
            "fill: \(box.width)x\(box.height), opacity \(opacity)")
        let columns = max(0, box.x)..<max(0, box.x, min(width, box.x + box.width))
        let rows = max(0, box.y)..<max(0, box.y, min(height, box.y + box.height))
        paint(colour, columns: columns, rows: rows) { _, _ in opacity }
    }
}
