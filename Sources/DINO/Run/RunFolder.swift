import Images
import Platform

/// The files of a run of training.
struct RunFolder {
    let path: String

    init(_ path: String) {
        self.path = path
    }

    var checkpoint: String { file("checkpoint.safetensors") }
    var teacher: String { file("teacher.safetensors") }
    var student: String { file("student.safetensors") }
    var log: String { file(DrawnPicture.loss.log) }
    var plot: String { file(DrawnPicture.loss.picture) }

    private func file(_ name: String) -> String { Path.joined(path, name) }

    /// Whether a run can go on from there.
    ///
    /// - Throws: where a run is there that cannot, since its checkpoint is on a disk that is missing or
    ///   was moved away. (A run that was killed before its first checkpoint leaves a log alone: what
    ///   training gives is written after the checkpoint.)
    func hasCheckpoint() throws(TrainingRunError) -> Bool {
        if try exists(checkpoint) { return true }
        for result in [teacher, student, plot] where try exists(result) {
            throw .noCheckpoint(folder: path, result: result)
        }
        return false
    }

    /// Whether a file is there.
    ///
    /// - Throws: where the system does not tell, or a link is there that leads to none.
    private func exists(_ file: String) throws(TrainingRunError) -> Bool {
        var status = stat()
        if withPath(file, { stat($0, &status) }) == 0 { return true }
        let failure = SystemError()
        if FileSystem.kind(of: file) == .brokenLink {
            throw .unreadable(
                path: file, reason: "it is a link to what cannot be reached (\(failure))")
        }
        guard [ENOENT, ENOTDIR].contains(failure.code) else {
            throw .unreadable(path: file, reason: "\(failure)")
        }
        return false
    }

    func make() throws(TrainingRunError) {
        do {
            try FileSystem.makeFolder(path)
        } catch {
            throw .unwritable(path: path, reason: "\(error)")
        }
    }

    /// Removes what a killed process was writing beside the files' places. For the process alone that
    /// has the log.
    func removeLeftovers() {
        let places = [checkpoint, teacher, student, plot].map { Path.name(of: $0) + "." }
        for name in (try? FileSystem.names(in: path)) ?? []
        where Path.type(of: name) == ReplacingFile.temporaryType
            && places.contains(where: name.hasPrefix)
        {
            FileSystem.remove(file(name))
        }
    }
}
