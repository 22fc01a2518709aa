import Platform

/// Why a network cannot be evaluated; the `description` is one sentence.
public enum EvaluationError: Error, Hashable, Sendable {
    /// A folder has no subfolders with pictures.
    case noClasses(folder: String)
    /// No picture of a folder could be read; `reason` is that of the first one.
    case nothingReadable(folder: String, count: Int, reason: String)
    /// A class of the test pictures has no training pictures.
    case unknownClass(String, test: String, train: String)
    /// The network's features of a picture are infinite or not a number, although its weights are finite.
    case notFinite(picture: String)
}

extension EvaluationError: CustomStringConvertible {
    /// The reason, as one sentence.
    public var description: String { printable(sentence) }

    private var sentence: String {
        switch self {
        case .noClasses(let folder):
            "the folder \(folder) has no subfolders with pictures; expected one for each class"
        case .nothingReadable(let folder, let count, let reason):
            "none of the \(count) pictures in \(folder) can be read; the first: \(reason)"
        case .unknownClass(let name, let test, let train):
            "\(test) has a class \(name), for which there is no folder in \(train)"
        case .notFinite(let picture):
            "the network's features of \(picture) are not finite; its weights are damaged"
        }
    }
}
