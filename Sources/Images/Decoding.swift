import CImages

extension Image {
    /// The most pixels that a picture is read with: 2^28 take 805 MB. The largest photos of today's
    /// telephones have 200 million.
    public static let mostPixels = 1 << 28

    /// Decodes a PNG or JPEG picture, told apart by its first bytes.
    ///
    /// PNG of every colour type and depth; alpha is laid over white, rounded to the nearest level;
    /// of 16-bit samples the upper 8 bits stay. JPEG gray, RGB, YCbCr, CMYK and YCCK, converted as
    /// Pillow does. The orientation in EXIF is applied, of a PNG's eXIf chunk as of a JPEG. Colour
    /// profiles and gamma are not.
    ///
    /// A JPEG that ends before its picture does is refused; other faults inside its compressed data
    /// are concealed by libjpeg and tolerated, as in Pillow and browsers.
    ///
    /// Memory is claimed only after the file's length allows for the size in its header (see
    /// ``mostPixels``): at most 7 bytes a pixel for a PNG and 11 for a JPEG.
    ///
    /// - Parameter name: what errors call the file.
    /// - Throws: ``ImageError``.
    /// - Complexity: O(pixels), on one thread.
    public init(decoding bytes: [UInt8], name: String = "image") throws(ImageError) {
        guard let format = PictureFormat(firstBytes: bytes) else {
            throw .unknownFormat(file: name, found: Array(bytes.prefix(4)))
        }
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

/// The file formats that are read.
enum PictureFormat: String {
    case png = "PNG"
    case jpeg = "JPEG"

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

    /// Opens a file, hands its reader to `body` and closes it.
    ///
    /// - Throws: where the file is broken or cannot hold the picture that its header claims, or what
    ///   `body` throws.
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

    /// Throws where the compressed data cannot hold the picture that the header claims.
    private func checkSize(_ header: CImageHeader, _ name: String) throws(ImageError) {
        let width = Int(header.width)
        let height = Int(header.height)
        func refuse(_ reason: String) throws(ImageError) {
            throw .tooLarge(file: name, width: width, height: height, reason: reason)
        }
        guard width * height <= Image.mostPixels else {  // Both are below 2^32: no overflow.
            return try refuse("more than \(Image.mostPixels) are not taken")
        }
        let least =
            switch self {
            case .png:
                // Deflate's densest code is 258 bytes for two bits: 1032 to 1.
                (1 + (width * Int(header.bit_depth * header.channels) + 7) / 8) * height / 1032
            case .jpeg:
                // A block of 8x8 pixels takes one bit at least, in the one scan that a progressive
                // file cannot do without; sampling factors can stretch a block over two. Only
                // arithmetic coding of a blank picture gets below this.
                width * height / (64 * 2 * 8)
            }
        guard header.data_count >= least else {
            return try refuse(
                "at least \(least) bytes are needed for them and it has \(header.data_count)")
        }
    }
}
