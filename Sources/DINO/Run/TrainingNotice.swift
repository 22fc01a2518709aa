extension TrainingRun {
    /// A noteworthy condition found when a run starts; the `description` is one sentence.
    public enum Notice: Sendable, Hashable {
        /// There was no checkpoint to resume from.
        case startsAnew(folder: String)
        /// The log of a run that never wrote a checkpoint was renamed.
        case logSetAside(path: String)
        /// The log ends before the checkpoint's step: lines are missing.
        case logEndsEarly(path: String, step: Int, checkpointStep: Int)
        /// Pictures have changed since the checkpoint was written; `first` is the path of the first of them.
        case picturesChanged(count: Int, of: Int, first: String)

        /// Whether results are affected.
        public var isWarning: Bool {
            switch self {
            case .startsAnew, .logSetAside: false
            case .logEndsEarly, .picturesChanged: true
            }
        }
    }
}

extension TrainingRun.Notice: CustomStringConvertible {
    /// The notice, as one sentence.
    public var description: String {
        switch self {
        case .startsAnew(let folder):
            "\(folder) holds no checkpoint to resume from; training starts anew"
        case .logSetAside(let path):
            "the log of a run that never wrote a checkpoint is kept as \(path)"
        case .logEndsEarly(let path, let step, let checkpointStep):
            "\(path) ends at step \(step), but the checkpoint is at step \(checkpointStep); the log and"
                + " plots will lack the steps between"
        case .picturesChanged(let count, let all, let first):
            "\(count) of \(all) pictures changed since the checkpoint was written, the first being"
                + " \(first); further steps use their present contents"
        }
    }
}
