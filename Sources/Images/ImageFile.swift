import Platform

extension Image {
    /// Reads a PNG or JPEG file, which its content identifies, not its name. A pipe is read to its end.
    ///
    /// For details of decoding see ``init(decoding:name:)``.
    ///
    /// - Throws: ``ImageError``.
    public init(contentsOf path: String) throws(ImageError) {
        try self.init(decoding: Image.bytes(ofFile: path), name: path)
    }

    /// The size of a picture file when displayed, by its header.
    ///
    /// - Returns: width and height in pixels, with the EXIF orientation applied.
    /// - Throws: ``ImageError``, as reading it would; the compressed data are not decoded.
    /// - Complexity: O(bytes of the file).
    package static func size(
        ofFile path: String
    ) throws(ImageError) -> (width: Int, height: Int) {
        let bytes = try bytes(ofFile: path)
        let format = try PictureFormat(bytes, name: path)
        return try format.reading(bytes, path) { _, header in
            let (width, height) = (Int(header.width), Int(header.height))
            return Orientation(header).swapsAxes ? (height, width) : (width, height)
        }
    }

    /// The contents of a picture file; of any other file only the first bytes.
    static func bytes(ofFile path: String) throws(ImageError) -> [UInt8] {
        let descriptor = withPath(path) { open($0, O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw .unreadable(file: path, reason: "\(SystemError())") }
        defer { close(descriptor) }
        // A pipe may return less at a time than requested.
        func read(_ room: Int) throws(ImageError) -> [UInt8] {
            var failure: SystemError?
            let bytes = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
                while count < room, let base = buffer.baseAddress {
                    let got = systemRead(descriptor, base + count, room - count)
                    if got < 0 && errno == EINTR { continue }
                    if got < 0 { failure = SystemError() }
                    guard got > 0 else { return }
                    count += got
                }
            }
            if let failure { throw .unreadable(file: path, reason: "\(failure)") }
            return bytes
        }
        var bytes = try read(16)
        guard PictureFormat(firstBytes: bytes) != nil else { return bytes }
        while true {
            let more = try read(1 << 20)
            if more.isEmpty { return bytes }
            bytes += more
        }
    }

    /// Writes the picture as an 8-bit RGB PNG.
    ///
    /// The file is written under a temporary name and renamed, so that it appears complete or not at all.
    /// - Throws: ``ImageError/unwritable(file:reason:)``.
    public func writePNG(to path: String) throws(ImageError) {
        try Image.write(encodedPNG(name: path), to: path)
    }

    /// Writes a file, completely or not at all.
    ///
    /// - Parameter isSynchronized: see `ReplacingFile.commit`.
    package static func write(
        _ bytes: [UInt8], to path: String, isSynchronized: Bool = true
    ) throws(ImageError) {
        do {
            try ReplacingFile.write(to: path, isSynchronized: isSynchronized) {
                file throws(SystemError) in try file.write(bytes)
            }
        } catch {
            throw .unwritable(file: path, reason: "\(error)")
        }
    }
}

private func systemRead(_ descriptor: Int32, _ target: UnsafeMutableRawPointer, _ count: Int) -> Int
{
    read(descriptor, target, count)
}
