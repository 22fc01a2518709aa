import Images
import Platform
import Tensors

/// Why a training run cannot start or continue; the `description` is one sentence.
public enum TrainingRunError: Error, Sendable, Hashable {
    /// A file cannot be read, or is not what a training run writes.
    case unreadable(path: String, reason: String)
    /// A file cannot be written; its previous version remains.
    case unwritable(path: String, reason: String)
    /// A checkpoint or weight file cannot be read or written.
    case file(TensorFileError)
    /// The plot cannot be written.
    case picture(ImageError)
    /// Another process is training into the folder.
    case inUse(folder: String)
    /// The folder holds a run, and resuming was not requested.
    case holdsRun(folder: String, step: Int)
    /// The folder holds the results of a run without its checkpoint.
    case noCheckpoint(folder: String, result: String)
    /// The options differ from those that the run started with.
    case otherOptions(folder: String, differences: [String])
    /// The pictures differ from those that the run started with.
    case otherPictures(folder: String, found: Int, expected: Int)
    /// The options are invalid, or need more memory than this machine has.
    case options(String)
    /// This process has other options or pictures than the first of the processes that train together.
    case otherProcess
    /// The loss or the gradient of a step was infinite or not a number; the step was discarded.
    case notFinite(CollapseWatch.Finding)
}

extension TrainingRunError: CustomStringConvertible {
    /// The reason, as one sentence.
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
            "\(folder) holds a run of \(step) steps; resume it or choose another folder"
        case .noCheckpoint(let folder, let result):
            "\(folder) holds a run without its checkpoint.safetensors, and \(result) would be"
                + " replaced; put the checkpoint back or choose another folder"
        case .otherOptions(let folder, let differences):
            "\(folder) holds a run with other options (\(differences.joined(separator: "; ")));"
                + " omit them to resume with its own, or choose another folder"
        case .otherPictures(let folder, let found, let expected) where found != expected:
            "\(folder) holds a run over \(expected) pictures, but \(found) are there now;"
                + " a run can only be resumed with the same pictures"
        case .otherPictures(let folder, _, _):
            "\(folder) holds a run over pictures with other names; a run can only be resumed"
                + " with the same pictures"
        case .options(let fault): "training cannot be run: \(fault)"
        case .otherProcess:
            "its options or the names of its pictures differ from those of the first process"
        case .notFinite(let finding):
            "training stopped at step \(finding.step), which was discarded:"
                + " \(finding.explanation)"
        }
    }
}
