import Images
import Platform

/// The files of a training run.
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

    /// Whether the folder holds a run that can be resumed.
    ///
    /// - Throws: if it holds a run without its checkpoint, which may be on a missing disk or have been moved. (A
    ///   run killed before its first checkpoint leaves only a log, since results are written after the checkpoint.)
    func hasCheckpoint() throws(TrainingRunError) -> Bool {
        if try exists(checkpoint) { return true }
        for result in [teacher, student, plot] where try exists(result) {
            throw .noCheckpoint(folder: path, result: result)
        }
        return false
    }

    /// Whether a file exists.
    ///
    /// - Throws: if this cannot be determined, or the file is a broken link.
    private func exists(_ file: String) throws(TrainingRunError) -> Bool {
        var status = stat()
        if withPath(file, { stat($0, &status) }) == 0 { return true }
        let failure = SystemError()
        if FileSystem.kind(of: file) == .brokenLink {
            throw .unreadable(
                path: file, reason: "it is a link to an unreachable file (\(failure))")
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

    /// Removes temporary files left by a killed process. Call only while holding the log's lock.
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
