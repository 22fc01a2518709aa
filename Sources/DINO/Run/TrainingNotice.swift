extension TrainingRun {
    /// What a run found at its start that a person should know; the `description` is one sentence.
    public enum Notice: Sendable, Hashable {
        /// There was nothing to go on from.
        case startsAnew(folder: String)
        /// The log of a run that came to no checkpoint was moved there.
        case logSetAside(path: String)
        /// The log's last step is not the checkpoint's: lines are missing.
        case logEndsEarly(path: String, step: Int, checkpointStep: Int)
        /// Pictures are not what they were when the checkpoint was written; the first of them.
        case picturesChanged(count: Int, of: Int, first: String)

        /// Whether results are not what they would be without it.
        public var isWarning: Bool {
            switch self {
            case .startsAnew, .logSetAside: false
            case .logEndsEarly, .picturesChanged: true
            }
        }
    }
}

extension TrainingRun.Notice: CustomStringConvertible {
    public var description: String {
        switch self {
        case .startsAnew(let folder):
            "\(folder) holds no checkpoint to go on from; training starts anew"
        case .logSetAside(let path):
            "the log of a run that came to no checkpoint is kept as \(path)"
        case .logEndsEarly(let path, let step, let checkpointStep):
            "\(path) ends at step \(step), the checkpoint is of step \(checkpointStep); the log and"
                + " plots to come lack what lies between"
        case .picturesChanged(let count, let all, let first):
            "\(count) of \(all) pictures changed since the checkpoint was written, the first is"
                + " \(first); steps from there on see them as they are now"
        }
    }
}
