/// File names are bytes to the system; a `String` is Unicode. Names that are not UTF-8, as in old archives, are
/// represented in strings too: each byte that is not part of valid UTF-8 becomes a character of the private use area,
/// U+EF80 for 0x80 to U+EFFF for 0xFF (the convention of MirBSD's OPTU-8 encoding). If a name itself contains one of
/// these characters, the bytes of that character are represented in the same way, so that every name converts back to
/// its original bytes.
extension String {
    /// The string for the bytes of a file name or path.
    ///
    /// - Complexity: O(count).
    package init(fileName bytes: some Collection<UInt8>) {
        let bytes = Array(bytes)
        if let name = String(validating: bytes, as: UTF8.self),
            !name.unicodeScalars.contains(where: \.isCarriedByte)
        {
            self = name
            return
        }
        self.init()
        var rest = bytes[...]
        while let first = rest.first {
            let length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
            if let text = String(validating: rest.prefix(length), as: UTF8.self),
                text.unicodeScalars.count == 1,
                text.unicodeScalars.allSatisfy({ !$0.isCarriedByte })
            {
                unicodeScalars.append(contentsOf: text.unicodeScalars)
                rest = rest.dropFirst(length)
            } else {
                unicodeScalars.append(Unicode.Scalar(carrying: first))
                rest = rest.dropFirst()
            }
        }
    }

    /// The bytes of a file name or path.
    ///
    /// - Complexity: O(count).
    package var fileNameBytes: [UInt8] {
        guard unicodeScalars.contains(where: \.isCarriedByte) else { return Array(utf8) }
        return unicodeScalars.flatMap { scalar in
            scalar.isCarriedByte
                ? [UInt8(truncatingIfNeeded: scalar.value)] : Array(String(scalar).utf8)
        }
    }
}

extension Unicode.Scalar {
    /// Whether this represents a byte of a name that is not UTF-8.
    package var isCarriedByte: Bool { 0xEF80...0xEFFF ~= value }

    fileprivate init(carrying byte: UInt8) {
        // Bytes below 0x80 are valid UTF-8 by themselves.
        self = Unicode.Scalar(0xEF00 | UInt16(byte)) ?? "\u{FFFD}"
    }
}

/// Passes a path's bytes, terminated by zero, to a system call.
///
/// - Returns: the result of the call; -1 with `errno` set to ENOENT for a path that contains a zero byte and so names
///   nothing.
package func withPath(_ path: String, _ call: (UnsafePointer<CChar>) -> Int32) -> Int32 {
    let bytes = path.fileNameBytes
    guard !bytes.contains(0) else {
        errno = ENOENT
        return -1
    }
    return (bytes.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { buffer in
        buffer.baseAddress.map(call) ?? -1
    }
}

/// A file name or path as a key. Strings are equal if they look the same, as `é` does in one character and in two; file names
/// are equal if their bytes are.
package struct FileName: Hashable {
    package let text: String

    package init(_ text: String) { self.text = text }

    package static func == (one: FileName, other: FileName) -> Bool {
        one.text.utf8.elementsEqual(other.text.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }
}
