import CImages

extension Image {
    /// The most pixels that a picture is read with: 2^28 take 805 MB. The largest photos of today's
    /// telephones have 200 million.
    public static let mostPixels = 1 << 28

    /// Decodes a PNG or JPEG picture, told apart by its first bytes.
    ///
    /// PNG of every colour type and depth; alpha is laid over white, rounded to the nearest level;
    /// of 16-bit samples the upper 8 bits stay. JPEG gray, RGB, YCbCr, CMYK and YCCK, converted as
    /// Pillow does, the orientation of its EXIF applied. Colour profiles and gamma are not.
    ///
    /// A JPEG that ends before its picture does is refused; other faults inside its compressed data
    /// are concealed by libjpeg and tolerated, as in Pillow and browsers.
    ///
    /// Memory is claimed only after the file's length allows for the size in its header: see
    /// ``mostPixels``.
    ///
    /// - Parameter name: what errors call the file.
    /// - Throws: ``ImageError``.
    /// - Complexity: O(pixels), on one thread.
    public init(decoding bytes: [UInt8], name: String = "image") throws(ImageError) {
        guard let format = PictureFormat(firstBytes: bytes) else {
            throw .unknownFormat(file: name, found: Array(bytes.prefix(4)))
        }
        var header = CImageHeader()
        let result = bytes.withUnsafeBufferPointer { buffer -> Result<Image, ImageError> in
            do throws(ImageError) {
                let reader = try format.open(buffer, &header, name)
                defer { cimage_close(reader) }
                let orientation = Orientation(header)
                let image = try Image(reader: reader, header: &header, format, buffer.count, name)
                return .success(image.upright(from: orientation))
            } catch {
                return .failure(error)
            }
        }
        self = try result.get()
    }

    private init(
        reader: OpaquePointer, header: inout CImageHeader, _ format: PictureFormat,
        _ byteCount: Int, _ name: String
    ) throws(ImageError) {
        let width = Int(header.width)
        let height = Int(header.height)
        if let reason = format.refusal(header, byteCount) {
            throw .tooLarge(file: name, width: width, height: height, reason: reason)
        }
        try self.init(width: width, height: height) { samples throws(ImageError) in
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

    func open(
        _ bytes: UnsafeBufferPointer<UInt8>, _ header: inout CImageHeader, _ name: String
    ) throws(ImageError) -> OpaquePointer {
        let reader =
            switch self {
            case .png: cimage_open_png(bytes.baseAddress, bytes.count, &header)
            case .jpeg: cimage_open_jpeg(bytes.baseAddress, bytes.count, &header)
            }
        guard let reader else { throw failure(header, name) }
        return reader
    }

    func failure(_ header: CImageHeader, _ name: String) -> ImageError {
        let words = withUnsafeBytes(of: header.message) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return .undecodable(file: name, format: rawValue, reason: words)
    }

    /// Why a file of `byteCount` bytes cannot hold the picture that its header claims, if so.
    func refusal(_ header: CImageHeader, _ byteCount: Int) -> String? {
        let width = Int(header.width)
        let height = Int(header.height)
        guard width * height <= Image.mostPixels else {  // Both are below 2^32: no overflow.
            return "more than \(Image.mostPixels) are not taken"
        }
        let least =
            switch self {
            case .png:
                // Deflate's densest code is 258 bytes for two bits: 1032 to 1.
                (1 + (width * Int(header.bits_per_pixel) + 7) / 8) * height / 1032
            case .jpeg:
                // A block of 8x8 pixels takes one bit at least, in the one scan that a progressive
                // file cannot do without; sampling factors can stretch a block over two. Only
                // arithmetic coding of a blank picture gets below this.
                width * height / (64 * 2 * 8)
            }
        return byteCount >= least
            ? nil : "at least \(least) bytes are needed for them and it has \(byteCount)"
    }
}
