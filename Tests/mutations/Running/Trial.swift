import Foundation
import Platform
import Tensors

/// What one input did.
struct Trial {
    /// The most processor time that a file may take, in seconds.
    static let mostSeconds = 10.0
    /// The longest sentence about a file, in bytes.
    private static let longestSentence = 1500

    var refusal: String?
    var seconds = 0.0
    var memory = 0
    var memoryLimit = 0
    var broken: [Promise] = []

    enum Promise: String, CaseIterable {
        case memory, time, sentence
    }

    /// Lays an input into the folder of its kind and uses it.
    init(_ kind: any Kind, _ bytes: [UInt8], _ memoryUse: Memory) throws {
        let folder = Path.joined(Scratch.folder, kind.name)
        let path = Path.joined(folder, kind.fileName)
        try FileSystem.makeFolder(folder)
        try kind.prepare(folder)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        memoryLimit = kind.memoryLimit(of: bytes)
        let start = processorTime()
        let before = memoryUse.begin()
        do {
            try kind.use(path)
        } catch {
            refusal = "\(error)"
            if !Self.isSentence("\(error)", folder) { broken.append(.sentence) }
        }
        memory = memoryUse.peak(since: before)
        seconds = processorTime() - start
        if memory > memoryLimit { broken.append(.memory) }
        if seconds > Self.mostSeconds { broken.append(.time) }
    }

    /// Whether an error's text is one line of some length that names the file or its folder.
    private static func isSentence(_ text: String, _ folder: String) -> Bool {
        text.contains(folder) && text.utf8.count <= longestSentence && printable(text) == text
    }
}
