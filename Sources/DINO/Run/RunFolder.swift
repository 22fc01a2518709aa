import Foundation

/// The files of a run of training.
struct RunFolder {
    let path: String

    init(_ path: String) {
        self.path = path
    }

    var checkpoint: String { file("checkpoint.safetensors") }
    var teacher: String { file("teacher.safetensors") }
    var student: String { file("student.safetensors") }
    var log: String { file("log.jsonl") }
    var plot: String { file("loss.png") }

    private func file(_ name: String) -> String {
        path.hasSuffix("/") ? path + name : "\(path)/\(name)"
    }

    var hasCheckpoint: Bool { FileManager.default.fileExists(atPath: checkpoint) }

    func make() throws(TrainingRunError) {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true)
        } catch {
            let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? any Error
            let code = (underlying as? POSIXError)?.code
            throw .unwritable(
                path: path,
                reason: code.map { String(cString: strerror($0.rawValue)) } ?? "no folder there")
        }
    }

    /// Removes what a killed process was writing beside the files' places. For the process alone that
    /// has the log.
    func removeLeftovers() {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let places = [checkpoint, teacher, student, plot].map {
            URL(fileURLWithPath: $0).lastPathComponent + "."
        }
        for name in names
        where (name.hasSuffix(".partial") || name.hasSuffix(".part"))
            && places.contains(where: name.hasPrefix)
        {
            try? FileManager.default.removeItem(atPath: file(name))
        }
    }
}
