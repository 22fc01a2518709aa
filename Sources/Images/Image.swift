import Platform

/// A picture of 8-bit red, green and blue.
///
/// Samples are stored row by row from the top, pixels from left to right, three bytes per pixel. Fractional positions
/// are measured from the outer corner: the pixel of column 0 covers 0 to 1, and its centre is at 0.5.
public struct Image: Sendable, Hashable {
    /// In pixels; at least 1.
    public let width: Int
    /// In pixels; at least 1.
    public let height: Int
    /// The `height * width * 3` samples.
    public internal(set) var pixels: [UInt8]

    /// Creates a picture from its samples.
    ///
    /// - Parameters:
    ///   - width: in pixels.
    ///   - height: in pixels.
    ///   - pixels: the samples, red, green and blue of each pixel, row by row.
    /// - Precondition: `pixels.count == height * width * 3`, and there is at least one pixel.
    public init(width: Int, height: Int, pixels: [UInt8]) {
        require(
            width > 0 && height > 0 && pixels.count == height * width * 3,
            "Image: \(pixels.count) samples for \(width)x\(height) pixels of 3")
        self.width = width
        self.height = height
        self.pixels = pixels
    }

    /// Creates a picture of one colour, white by default.
    ///
    /// - Precondition: `width` and `height` are at least 1.
    public init(width: Int, height: Int, colour: Colour = .white) {
        require(width > 0 && height > 0, "Image: \(width)x\(height) has no pixels")
        self.init(width: width, height: height) { samples in
            for at in stride(from: 0, to: samples.count, by: 3) {
                samples[at] = colour.red
                samples[at + 1] = colour.green
                samples[at + 2] = colour.blue
            }
        }
    }

    /// Creates a picture whose samples are all written by `fill`.
    init<Failure: Error>(
        width: Int, height: Int,
        filledBy fill: (UnsafeMutableBufferPointer<UInt8>) throws(Failure) -> Void
    ) throws(Failure) {
        let count = width * height * 3
        var failure: Failure?
        let pixels = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            do throws(Failure) {
                try fill(UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
                initialized = count
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        self.init(width: width, height: height, pixels: pixels)
    }

    /// The pixel at a column from the left and a row from the top, both starting at 0.
    ///
    /// - Precondition: the pixel lies within the picture.
    /// - Complexity: O(1).
    public subscript(column: Int, row: Int) -> Colour {
        get {
            let at = offset(column, row)
            return Colour(red: pixels[at], green: pixels[at + 1], blue: pixels[at + 2])
        }
        set {
            let at = offset(column, row)
            pixels[at] = newValue.red
            pixels[at + 1] = newValue.green
            pixels[at + 2] = newValue.blue
        }
    }

    private func offset(_ column: Int, _ row: Int) -> Int {
        require(
            column >= 0 && column < width && row >= 0 && row < height,
            "Image: no pixel at column \(column), row \(row) of \(width)x\(height)")
        return (row * width + column) * 3
    }

    /// The part of the picture inside `box`.
    ///
    /// - Precondition: `box` lies within the picture and is not empty.
    /// - Complexity: O(pixels of the box).
    public func cropped(to box: Box) -> Image {
        box.check(in: self, "cropped(to:)")
        let rowCount = box.width * 3
        return Image(width: box.width, height: box.height) { samples in
            pixels.withUnsafeBufferPointer { source in
                for row in 0..<box.height {
                    let from = ((box.y + row) * width + box.x) * 3
                    _ = UnsafeMutableBufferPointer(
                        rebasing: samples[row * rowCount..<(row + 1) * rowCount]
                    ).update(fromContentsOf: source[from..<from + rowCount])
                }
            }
        }
    }
}

/// A rectangle of whole pixels.
public struct Box: Sendable, Hashable, Codable {
    /// The leftmost column, counted from 0.
    public var x: Int
    /// The top row, counted from 0.
    public var y: Int
    /// The number of columns.
    public var width: Int
    /// The number of rows.
    public var height: Int

    /// Creates a rectangle.
    public init(x: Int, y: Int, width: Int, height: Int) {
        self.x = x
        self.y = y
        self.width = width
        self.height = height
    }

    func check(in image: Image, _ operation: String) {
        require(
            x >= 0 && y >= 0 && width > 0 && height > 0 && x <= image.width - width
                && y <= image.height - height,
            "\(operation): \(width)x\(height) at (\(x), \(y)) is not within "
                + "\(image.width)x\(image.height)")
    }
}
