import Platform

/// An error in reading or writing a tensor file; its `description` is one sentence that names the file, what was found
/// and what was expected.
public enum TensorFileError: Error, Hashable, Sendable {
    /// The system failed to open or read the file.
    case unreadable(path: String, reason: String)
    /// The file is in none of the supported formats.
    case unknownFormat(path: String, found: String)
    /// The file contradicts itself or its format.
    case damaged(path: String, reason: String)
    /// The file is intact but its contents are not supported.
    case unsupported(path: String, reason: String)
    /// A pickle names something that weight files do not need. Nothing was executed.
    case refusedGlobal(path: String, name: String)
    /// The file has no tensor of that name.
    case noSuchTensor(path: String, name: String)
    /// The system failed to write the file; an existing file of that path is unchanged.
    case unwritable(path: String, reason: String)
    /// Elements would become infinite in the type to be written; nothing was written.
    case outOfRange(path: String, type: ElementType, names: [String], greatest: Float)
}

extension TensorFileError: CustomStringConvertible {
    /// One sentence with the path, what was found and what was expected; control characters are escaped.
    public var description: String { printable(sentence) }

    private var sentence: String {
        switch self {
        case .unreadable(let path, let reason):
            "\(path) cannot be read: \(reason)"
        case .unknownFormat(let path, let found):
            "\(path) is \(found); expected a PyTorch (.pth), safetensors or npy file"
        case .damaged(let path, let reason):
            "\(path) is damaged: \(reason)"
        case .unsupported(let path, let reason):
            "\(path) cannot be used: \(reason)"
        case .refusedGlobal(let path, let name):
            // By convention a class has a capital letter; it is typically part of a whole pickled module.
            name.split(separator: ".").last?.first?.isUppercase == true
                ? "\(path) holds an object of the Python class \(name), which cannot be read;"
                    + " expected tensors alone, as by torch.save(model.state_dict(), …)"
                : "\(path) names \(name), which no weight file needs"
        case .noSuchTensor(let path, let name):
            "\(path) holds no tensor named \(name)"
        case .unwritable(let path, let reason):
            "\(path) cannot be written: \(reason)"
        case .outOfRange(let path, let type, let names, let greatest):
            "\(path) cannot be written as \(type.rawValue): values up to \(greatest), in"
                + " \(listed(names)), are beyond its range; as float32 they fit"
        }
    }
}

/// The first six names, and how many more there are.
package func listed(_ names: [String]) -> String {
    if names.isEmpty { return "nothing" }
    let rest = names.count > 6 ? " and \(names.count - 6) more" : ""
    return names.prefix(6).map { shown($0) }.joined(separator: ", ") + rest
}
