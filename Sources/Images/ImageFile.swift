import Foundation

extension Image {
    /// Reads a PNG or JPEG file, told apart by its content, not by its name.
    ///
    /// What is decoded how: see ``init(decoding:name:)``.
    ///
    /// - Throws: ``ImageError``.
    public init(contentsOf path: String) throws(ImageError) {
        try self.init(decoding: Image.bytes(ofFile: path), name: path)
    }

    /// The whole of a picture file; of any other file the first bytes only.
    private static func bytes(ofFile path: String) throws(ImageError) -> [UInt8] {
        guard let file = fopen(path, "rb") else {
            throw .unreadable(file: path, reason: lastSystemError())
        }
        defer { fclose(file) }
        func read(_ room: Int) throws(ImageError) -> [UInt8] {
            let bytes = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
                count = fread(buffer.baseAddress, 1, room, file)
            }
            if ferror(file) != 0 { throw .unreadable(file: path, reason: lastSystemError()) }
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
    /// The file appears whole or not at all: it is written beside its place and renamed.
    ///
    /// - Throws: ``ImageError/unwritable(file:reason:)``.
    public func writePNG(to path: String) throws(ImageError) {
        try Image.write(encodedPNG(name: path), to: path)
    }

    static func write(_ bytes: [UInt8], to path: String) throws(ImageError) {
        let temporary = "\(path).\(getpid())-\(UInt32.random(in: 0...UInt32.max)).part"
        // "x": never over a file that is there.
        guard let file = fopen(temporary, "wbx") else {
            throw .unwritable(file: path, reason: lastSystemError())
        }
        let written = fwrite(bytes, 1, bytes.count, file)
        var reason = written == bytes.count ? nil : lastSystemError()
        // A full disk may show only when the buffers are emptied.
        if fclose(file) != 0, reason == nil { reason = lastSystemError() }
        if reason == nil, rename(temporary, path) != 0 { reason = lastSystemError() }
        if let reason {
            remove(temporary)
            throw .unwritable(file: path, reason: reason)
        }
    }
}

private func lastSystemError() -> String {
    String(cString: strerror(errno))
}
