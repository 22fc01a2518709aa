import CImages
import Platform

extension Image {
    /// Encodes the picture as an 8-bit RGB PNG file.
    ///
    /// - Parameter name: the file's name in error messages.
    /// - Returns: the contents of the file.
    /// - Throws: ``ImageError/unwritable(file:reason:)`` if memory runs out or a side is longer than PNG's 2^31 - 1
    ///   (libpng: one million) pixels.
    public func encodedPNG(name: String = "image") throws(ImageError) -> [UInt8] {
        try encodePNG(
            pixels, width: width, height: height, channels: 3, name: name)
    }

    /// Writes a mask or another map with one byte per pixel as a gray PNG, completely or not at all.
    ///
    /// - Parameters:
    ///   - samples: `height * width` gray levels, row by row.
    ///   - width: in pixels.
    ///   - height: in pixels.
    ///   - bits: bits per level in the file: 1, 2, 4, 8 or 16. Levels are stored unscaled: 1 is white with 1 bit,
    ///     nearly black with 8.
    ///   - path: the file to create or replace.
    /// - Precondition: `samples.count == height * width`, which is at least 1; all samples are below `1 << bits`.
    /// - Throws: ``ImageError/unwritable(file:reason:)``.
    public static func writeGrayPNG(
        _ samples: [UInt8], width: Int, height: Int, bits: Int = 8, to path: String
    ) throws(ImageError) {
        require(
            [1, 2, 4, 8, 16].contains(bits) && Int(samples.max() ?? 0) < 1 << bits,
            "writeGrayPNG: level \(samples.max() ?? 0) in \(bits) bits")
        let bytes = try encodePNG(
            samples, width: width, height: height, channels: 1, depth: bits, name: path)
        try write(bytes, to: path)
    }

    /// Writes labels as a PNG of indices into a palette, completely or not at all.
    ///
    /// - Parameters:
    ///   - indices: `height * width` indices, row by row.
    ///   - width: in pixels.
    ///   - height: in pixels.
    ///   - palette: the colours that the indices refer to.
    ///   - path: the file to create or replace.
    /// - Precondition: `indices.count == height * width`, which is at least 1; all indices are below `palette.count`,
    ///   which is in 1...256.
    /// - Throws: ``ImageError/unwritable(file:reason:)``.
    public static func writeIndexedPNG(
        _ indices: [UInt8], width: Int, height: Int, palette: [Colour], to path: String
    ) throws(ImageError) {
        try write(
            encodedIndexedPNG(
                indices, width: width, height: height, palette: palette, name: path), to: path)
    }

    /// Encodes labels as a PNG of indices into `palette`: see
    /// ``writeIndexedPNG(_:width:height:palette:to:)``.
    package static func encodedIndexedPNG(
        _ indices: [UInt8], width: Int, height: Int, palette: [Colour], name: String
    ) throws(ImageError) -> [UInt8] {
        require(
            (1...256).contains(palette.count) && (indices.max() ?? 0) < palette.count,
            "PNG: index \(indices.max() ?? 0) with \(palette.count) colours")
        return try encodePNG(
            indices, width: width, height: height, channels: 1, palette: palette, name: name)
    }
}

private func encodePNG(
    _ samples: [UInt8], width: Int, height: Int, channels: Int, depth: Int = 8,
    palette: [Colour] = [], name: String
) throws(ImageError) -> [UInt8] {
    require(
        width > 0 && height > 0 && samples.count == height * width * channels,
        "PNG: \(samples.count) samples for \(width)x\(height) pixels of \(channels)")
    guard width <= Int(Int32.max), height <= Int(Int32.max) else {
        throw .unwritable(file: name, reason: "\(width)x\(height) pixels are too many for PNG")
    }
    let colours = palette.flatMap { [$0.red, $0.green, $0.blue] }
    var count = 0
    var message = [CChar](repeating: 0, count: 256)
    let encoded = cimage_encode_png(
        samples,
        CImageFormat(
            width: UInt32(width), height: UInt32(height), channels: Int32(channels),
            depth: Int32(depth), palette_count: Int32(palette.count)),
        colours, &count, &message)
    guard let encoded else {
        let words = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        throw .unwritable(file: name, reason: String(decoding: words, as: UTF8.self))
    }
    defer { cimage_free(encoded) }
    return [UInt8](UnsafeBufferPointer(start: encoded, count: count))
}
