import Images
import Platform
import Tensors

/// Why a run of training cannot begin or go on; the `description` is one sentence.
public enum TrainingRunError: Error, Sendable, Hashable {
    /// The system would not read a file, or it is not what training writes.
    case unreadable(path: String, reason: String)
    /// The system would not write a file; what stood at its place still does.
    case unwritable(path: String, reason: String)
    /// A checkpoint or weights cannot be read or written.
    case file(TensorFileError)
    /// The plot cannot be written.
    case picture(ImageError)
    /// Another process trains into the folder.
    case inUse(folder: String)
    /// The folder holds a run that was not asked to go on.
    case holdsRun(folder: String, step: Int)
    /// The folder holds what a run gave, but not the checkpoint that it could go on from.
    case noCheckpoint(folder: String, result: String)
    /// The options are not those that the run began with.
    case otherOptions(folder: String, differences: [String])
    /// The pictures are not those that the run began with.
    case otherPictures(folder: String, found: Int, expected: Int)
    /// The options make no training, or none that this machine has the memory for.
    case options(String)
    /// The loss of a step is infinite or not a number; nothing of it was kept.
    case notFinite(CollapseWatch.Finding)
}

extension TrainingRunError: CustomStringConvertible {
    public var description: String { printable(sentence) }

    private var sentence: String {
        switch self {
        case .unreadable(let path, let reason):
            "\(path) cannot be read: \(reason)"
        case .unwritable(let path, let reason):
            "\(path) cannot be written: \(reason)"
        case .file(let error): error.description
        case .picture(let error): error.description
        case .inUse(let folder):
            "another process is training into \(folder)"
        case .holdsRun(let folder, let step):
            "\(folder) holds a run of \(step) steps; go on with --resume or choose another --output"
        case .noCheckpoint(let folder, let result):
            "\(folder) holds a run without its checkpoint.safetensors, and \(result) would be"
                + " replaced; put the checkpoint back or choose another --output"
        case .otherOptions(let folder, let differences):
            "\(folder) holds a run with other options (\(differences.joined(separator: "; ")));"
                + " leave them out to go on with its own, or choose another --output"
        case .otherPictures(let folder, let found, let expected) where found != expected:
            "\(folder) holds a run over \(expected) pictures, and \(found) are there now;"
                + " a run goes on over the same pictures only"
        case .otherPictures(let folder, _, _):
            "\(folder) holds a run over pictures of other names; a run goes on over the same"
                + " pictures only"
        case .options(let fault): "training cannot be run: \(fault)"
        case .notFinite(let finding):
            "training stopped at step \(finding.step), of which nothing was kept:"
                + " \(finding.explanation)"
        }
    }
}
