/// The labels of a mask file: a number from 0 to 255 for each pixel; 0 is the background.
///
/// Masks are PNG files. A label is the value stored for a pixel, not the colour displayed:
///
/// - With a palette it is the index, whatever its colour.
/// - In a gray file it is the level, in 1, 2, 4, 8 or 16 bits (so white is 1 with one bit and 255 with eight).
/// - In an RGB file it is the level if all colours are gray; the index in DAVIS's palette (PASCAL VOC's) if all are in
///   it; otherwise the rank of the colour by red, then green, then blue, after black, which is 0.
///
/// Transparent pixels are background. Files that do not determine each pixel's label are refused: JPEG, partly
/// transparent pixels, levels above 255, more than 256 colours, soft edges.
public struct LabelImage: Sendable, Hashable {
    /// In pixels; at least 1.
    public let width: Int
    /// In pixels; at least 1.
    public let height: Int
    /// `height * width` labels, row by row from the top.
    public let labels: [UInt8]
    /// How the file stores the labels.
    public let form: Form

    /// How a file stores labels.
    public enum Form: Sendable, Hashable {
        /// As gray levels of the given number of bits.
        case gray(bits: Int)
        /// As indices into a palette.
        case indexed([Colour])
        /// As colours; a colour's position in the array is its label.
        case coloured([Colour])
    }

    /// Reads a mask file.
    ///
    /// - Parameters:
    ///   - path: the path of a PNG file.
    ///   - form: the form of a related mask whose numbering applies: colours found in it mean its labels. Nil by
    ///     default.
    /// - Throws: ``ImageError``, also if the file has colours without a label in `form`.
    public init(contentsOf path: String, numberedAs form: Form? = nil) throws(ImageError) {
        try self.init(decoding: Image.bytes(ofFile: path), name: path, numberedAs: form)
    }

    /// Decodes a mask file; see ``init(contentsOf:numberedAs:)``.
    ///
    /// - Parameters:
    ///   - bytes: the contents of a PNG file.
    ///   - name: the file's name in error messages.
    ///   - form: the form of a related mask whose numbering applies.
    /// - Throws: ``ImageError``.
    /// - Complexity: O(pixels) time; besides the samples as stored, one byte of memory per pixel.
    public init(
        decoding bytes: [UInt8], name: String = "mask", numberedAs form: Form? = nil
    ) throws(ImageError) {
        let stored = try StoredSamples(decoding: bytes, name: name)
        do throws(NoLabels) {
            let found: (labels: [UInt8], form: Form)
            if stored.isColour {
                found = try stored.labelsOfColours(numberedAs: form)
            } else if case .coloured = form {
                found = try stored.labelsOfColours(numberedAs: form)
            } else if !stored.palette.isEmpty {
                found = try stored.labelsOfIndices()
            } else {
                found = try stored.labelsOfLevels()
            }
            if case .gray = found.form { try Self.checkEdges(found.labels, width: stored.width) }
            let upright = Self.upright(found.labels, stored)
            (width, height, labels) = (upright.width, upright.height, upright.labels)
            self.form = found.form
        } catch {
            throw .noLabels(file: name, reason: error.reason)
        }
    }

    private static func upright(
        _ labels: [UInt8], _ stored: StoredSamples
    ) -> (width: Int, height: Int, labels: [UInt8]) {
        if stored.orientation == .topLeft { return (stored.width, stored.height, labels) }
        // Masks are hardly ever turned, so a detour through a picture will do.
        let image = Image(
            width: stored.width, height: stored.height, pixels: labels.flatMap { [$0, $0, $0] }
        ).upright(from: stored.orientation)
        return (
            image.width, image.height,
            stride(from: 0, to: image.pixels.count, by: 3).map { image.pixels[$0] }
        )
    }

    /// Refuses gray levels that are soft edges: most levels have most of their pixels between a darker and a lighter
    /// one among their eight neighbours, which hardly any level of separate objects has.
    private static func checkEdges(_ labels: [UInt8], width: Int) throws(NoLabels) {
        var counts = [Int](repeating: 0, count: 256)
        for label in labels { counts[Int(label)] += 1 }
        let levels = (1...255).filter { counts[$0] > 0 }
        if levels.count < 3 { return }
        let height = labels.count / width
        var between = [Int](repeating: 0, count: 256)
        for y in 0..<height {
            for x in 0..<width {
                let label = labels[y * width + x]
                var (isAbove, isBelow) = (false, false)
                for v in max(0, y - 1)...min(height - 1, y + 1) {
                    for u in max(0, x - 1)...min(width - 1, x + 1) {
                        let other = labels[v * width + u]
                        isAbove = isAbove || label > other
                        isBelow = isBelow || label < other
                    }
                }
                if isAbove && isBelow { between[Int(label)] += 1 }
            }
        }
        let soft = levels.count { 2 * between[$0] > counts[$0] }
        guard soft < 3 || 2 * soft <= levels.count else {
            throw NoLabels(
                "\(soft) of its \(levels.count) gray levels are shades of soft edges; expected one level "
                    + "for each object (saved without smoothing, resized to the nearest pixel)"
            )
        }
    }
}

/// Why a picture has no labels.
struct NoLabels: Error {
    let reason: String

    init(_ reason: String) {
        self.reason = reason
    }
}

extension LabelImage.Form {
    /// Writes labels in this form, with colours as a palette; see
    /// ``Image/writeIndexedPNG(_:width:height:palette:to:)``.
    ///
    /// - Parameters:
    ///   - labels: `height * width` labels, row by row.
    ///   - width: in pixels.
    ///   - height: in pixels.
    ///   - path: the file to create or replace.
    /// - Precondition: every label is one that the form can express.
    /// - Throws: ``ImageError/unwritable(file:reason:)``.
    public func write(
        _ labels: [UInt8], width: Int, height: Int, to path: String
    ) throws(ImageError) {
        switch self {
        case .gray(let bits):
            try Image.writeGrayPNG(labels, width: width, height: height, bits: bits, to: path)
        case .indexed(let colours), .coloured(let colours):
            try Image.writeIndexedPNG(
                labels, width: width, height: height, palette: colours, to: path)
        }
    }
}
