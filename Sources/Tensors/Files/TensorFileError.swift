import Platform

/// What can go wrong between a tensor and a file; its `description` is one sentence that names the
/// file, what was found and what was expected.
public enum TensorFileError: Error, Hashable, Sendable {
    /// The system would not open or read the file.
    case unreadable(path: String, reason: String)
    /// The file is of none of the formats that are read.
    case unknownFormat(path: String, found: String)
    /// The file contradicts itself or its format.
    case damaged(path: String, reason: String)
    /// The file is sound but holds what is not read.
    case unsupported(path: String, reason: String)
    /// A pickle names something that weight files do not need. Nothing was executed.
    case refusedGlobal(path: String, name: String)
    /// The file has no tensor of that name.
    case noSuchTensor(path: String, name: String)
    /// The system would not write the file; what stood at its place still does.
    case unwritable(path: String, reason: String)
    /// Elements would become infinite as the type that they are to be written as; nothing was written.
    case outOfRange(path: String, type: ElementType, names: [String], greatest: Float)
}

extension TensorFileError: CustomStringConvertible {
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
            // A class is written with a capital; what else a whole module names goes with it.
            name.split(separator: ".").last?.first?.isUppercase == true
                ? "\(path) holds an object of the Python class \(name), which is not made here;"
                    + " expected tensors alone, as by torch.save(model.state_dict(), …)"
                : "\(path) names \(name), which a weight file has no business calling"
        case .noSuchTensor(let path, let name):
            "\(path) holds no tensor named \(name)"
        case .unwritable(let path, let reason):
            "\(path) cannot be written: \(reason)"
        case .outOfRange(let path, let type, let names, let greatest):
            "\(path) cannot be written as \(type.rawValue): values up to \(greatest), in"
                + " \(listed(names)), are beyond its range; as float32 (without --half) it can"
        }
    }
}

/// The first of some names, and how many more there are.
package func listed(_ names: [String]) -> String {
    if names.isEmpty { return "nothing" }
    let rest = names.count > 6 ? " and \(names.count - 6) more" : ""
    return names.prefix(6).map { shown($0) }.joined(separator: ", ") + rest
}
