import CImages

extension Image {
    /// The most pixels that a picture may have to be decoded: 2^28 take 805 MB. The largest phone photos have 200
    /// million.
    public static let maximumPixelCount = 1 << 28

    /// Decodes a PNG or JPEG picture, which its first bytes identify.
    ///
    /// PNG of every colour type and depth is supported: alpha is composited over white, rounded to the nearest level;
    /// of 16-bit samples the upper 8 bits are kept. JPEG may be gray, RGB, YCbCr, CMYK or YCCK, converted as Pillow
    /// does. The EXIF orientation is applied, for a PNG's eXIf chunk as for a JPEG. Colour profiles and gamma are
    /// ignored.
    ///
    /// A truncated JPEG is refused; libjpeg conceals other faults in the compressed data, which are tolerated, as in
    /// Pillow and browsers.
    ///
    /// Memory is allocated only after the size in the header has been found plausible for the file's length (see also
    /// ``maximumPixelCount``): at most 7 bytes per pixel for a PNG and 11 for a JPEG.
    ///
    /// - Parameters:
    ///   - bytes: the contents of the file.
    ///   - name: the file's name in error messages.
    /// - Throws: ``ImageError``.
    /// - Complexity: O(pixels), on one thread.
    public init(decoding bytes: [UInt8], name: String = "image") throws(ImageError) {
        let format = try PictureFormat(bytes, name: name)
        let (stored, orientation) = try format.reading(bytes, name) {
            reader, header throws(ImageError) in
            (try Image(reader: reader, header: &header, format, name), Orientation(header))
        }
        self = stored.upright(from: orientation)
    }

    private init(
        reader: OpaquePointer, header: inout CImageHeader, _ format: PictureFormat, _ name: String
    ) throws(ImageError) {
        try self.init(
            width: Int(header.width), height: Int(header.height)
        ) { samples throws(ImageError) in
            guard cimage_read(reader, samples.baseAddress, &header) else {
                throw format.failure(header, name)
            }
        }
    }
}

/// The supported file formats.
enum PictureFormat: String {
    case png = "PNG"
    case jpeg = "JPEG"

    /// Identifies the format; nil if it is neither.
    ///
    /// - Complexity: O(1).
    init?(firstBytes bytes: some Collection<UInt8>) {
        if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
            self = .png
        } else if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
            self = .jpeg
        } else {
            return nil
        }
    }

    /// Identifies the format of a file.
    init(_ bytes: [UInt8], name: String) throws(ImageError) {
        guard let format = PictureFormat(firstBytes: bytes) else {
            throw .unknownFormat(file: name, found: Array(bytes.prefix(4)))
        }
        self = format
    }

    /// Opens a file, passes its reader to `body` and closes it.
    ///
    /// - Throws: if the file is broken or too short for the picture that its header claims, or what `body` throws.
    func reading<Result>(
        _ bytes: [UInt8], _ name: String,
        _ body: (OpaquePointer, inout CImageHeader) throws(ImageError) -> Result
    ) throws(ImageError) -> Result {
        try bytes.withUnsafeBufferPointer { bytes throws(ImageError) in
            var header = CImageHeader()
            let opened =
                switch self {
                case .png: cimage_open_png(bytes.baseAddress, bytes.count, &header)
                case .jpeg: cimage_open_jpeg(bytes.baseAddress, bytes.count, &header)
                }
            guard let reader = opened else { throw failure(header, name) }
            defer { cimage_close(reader) }
            try checkSize(header, name)
            return try body(reader, &header)
        }
    }

    func failure(_ header: CImageHeader, _ name: String) -> ImageError {
        let words = withUnsafeBytes(of: header.message) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return .undecodable(file: name, format: rawValue, reason: words)
    }

    /// Throws if the compressed data is too short for the picture that the header claims.
    private func checkSize(_ header: CImageHeader, _ name: String) throws(ImageError) {
        let width = Int(header.width)
        let height = Int(header.height)
        func refuse(_ reason: String) throws(ImageError) {
            throw .tooLarge(file: name, width: width, height: height, reason: reason)
        }
        guard width * height <= Image.maximumPixelCount else {  // Both are below 2^32: no overflow.
            return try refuse("more than \(Image.maximumPixelCount) are not supported")
        }
        let least =
            switch self {
            case .png:
                // Deflate's densest code takes two bits for 258 bytes: 1032 to 1.
                (1 + (width * Int(header.bit_depth * header.channels) + 7) / 8) * height / 1032
            case .jpeg:
                // A block of 8x8 pixels takes at least one bit in the one scan that even a progressive file
                // needs; sampling factors can stretch a block over two. Only arithmetic coding of a blank
                // picture needs less.
                width * height / (64 * 2 * 8)
            }
        guard header.data_count >= least else {
            return try refuse(
                "they need at least \(least) bytes, but the file has \(header.data_count)")
        }
    }
}
