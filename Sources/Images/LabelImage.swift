/// The labels of a mask file, a number from 0 to 255 for each pixel; 0 is the background.
///
/// Masks are PNG files; a label is what the file stores for a pixel, not what is seen:
///
/// - of a palette the index, whatever its colour;
/// - of gray the number, of 1, 2, 4, 8 or 16 bits (so white is 1 in one bit and 255 in eight);
/// - of RGB with gray colours alone their level; of colours of DAVIS's palette (PASCAL VOC's) their
///   index there; of other colours their order, by red, then green, then blue, behind black, 0.
///
/// Transparent pixels are background. What does not say for sure which label a pixel has is refused:
/// JPEG, pixels that are transparent in part, numbers above 255, more than 256 colours, soft edges.
public struct LabelImage: Sendable, Hashable {
    /// In pixels; at least 1.
    public let width: Int
    /// In pixels; at least 1.
    public let height: Int
    /// `height * width` labels, row by row from the top.
    public let labels: [UInt8]
    public let form: Form

    /// How labels stand in a file.
    public enum Form: Sendable, Hashable {
        /// As gray levels of so many bits.
        case gray(bits: Int)
        /// As indices into colours.
        case indexed([Colour])
        /// As colours, each of which has its place here as its number.
        case coloured([Colour])
    }

    /// Reads a mask file.
    ///
    /// - Parameters:
    ///   - path: of a PNG file.
    ///   - form: that of a mask whose numbers these are to be: colours that it has mean its labels.
    /// - Throws: ``ImageError``, also where the file has colours to which `form` gives no number.
    public init(contentsOf path: String, numberedAs form: Form? = nil) throws(ImageError) {
        try self.init(decoding: Image.bytes(ofFile: path), name: path, numberedAs: form)
    }

    /// Decodes a mask file; see ``init(contentsOf:numberedAs:)``.
    ///
    /// - Parameter name: what errors call the file.
    /// - Complexity: O(pixels); memory of a byte a pixel beside the samples as they are stored.
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
        // Masks are hardly ever turned: by way of a picture.
        let image = Image(
            width: stored.width, height: stored.height, pixels: labels.flatMap { [$0, $0, $0] }
        ).upright(from: stored.orientation)
        return (
            image.width, image.height,
            stride(from: 0, to: image.pixels.count, by: 3).map { image.pixels[$0] }
        )
    }

    /// Refuses levels that make up soft edges: most of the levels are such that most of their pixels
    /// lie between a darker and a lighter one of the eight around. Of separate objects hardly any do.
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
                "of its \(levels.count) gray levels \(soft) are shades of soft edges; expected a "
                    + "level for each object (saved without smoothing, resized to the nearest pixel)"
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
    /// Writes labels in this form, colours as indices; see ``Image/writeIndexedPNG(_:width:height:palette:to:)``.
    ///
    /// - Precondition: the labels are some of those that the form was found with.
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
