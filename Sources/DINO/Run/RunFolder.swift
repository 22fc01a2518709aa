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

    var hasCheckpoint: Bool { FileSystem.kind(of: checkpoint) != nil }

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
