import Platform

/// Why a picture could not be read or written; the description is one sentence that names the file.
public enum ImageError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The system failed to open or read the file.
    case unreadable(file: String, reason: String)
    /// The file is neither PNG nor JPEG; `found` are its first bytes.
    case unknownFormat(file: String, found: [UInt8])
    /// The file is a PNG or JPEG, but damaged or of an unsupported kind.
    case undecodable(file: String, format: String, reason: String)
    /// The file claims more pixels than it can hold or than are supported.
    case tooLarge(file: String, width: Int, height: Int, reason: String)
    /// The file is a picture, but its pixels do not identify labels.
    case noLabels(file: String, reason: String)
    /// The picture could not be encoded, or the system failed to write the file.
    case unwritable(file: String, reason: String)

    /// One sentence that names the file; control characters are escaped.
    public var description: String { printable(sentence) }

    private var sentence: String {
        switch self {
        case .unreadable(let file, let reason):
            return "\(file) cannot be read: \(reason)"
        case .unknownFormat(let file, let found) where found.isEmpty:
            return "\(file) is empty; expected a PNG or JPEG picture"
        case .unknownFormat(let file, let found):
            let bytes = found.map { byte in
                let digits = String(byte, radix: 16, uppercase: true)
                return digits.count == 1 ? "0" + digits : digits
            }
            return "\(file) begins with the bytes \(bytes.joined(separator: " ")), "
                + "which is neither PNG nor JPEG"
        case .undecodable(let file, let format, let reason):
            return "\(file) cannot be decoded as \(format): \(reason)"
        case .tooLarge(let file, let width, let height, let reason):
            return "\(file) claims \(width)x\(height) pixels: \(reason)"
        case .noLabels(let file, let reason):
            return "\(file) cannot be read as a mask: \(reason)"
        case .unwritable(let file, let reason):
            return "\(file) cannot be written: \(reason)"
        }
    }
}
