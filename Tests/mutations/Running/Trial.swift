import Foundation
import Platform
import Tensors

/// The result of trying one input.
struct Trial {
    /// The maximum processor time per file, in seconds.
    static let maxSeconds = 10.0
    /// The maximum length of an error message.
    private static let maxMessageBytes = 1500

    var refusal: String?
    var seconds = 0.0
    var memory = 0
    var memoryLimit = 0
    var violations: [Guarantee] = []

    enum Guarantee: String, CaseIterable {
        case memory, time, message
    }

    /// Writes an input to the folder of its kind and uses it.
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
            if !Self.isValidMessage("\(error)", folder) { violations.append(.message) }
        }
        memory = memoryUse.peak(since: before)
        seconds = processorTime() - start
        if memory > memoryLimit { violations.append(.memory) }
        if seconds > Self.maxSeconds { violations.append(.time) }
    }

    /// Whether an error message is a single line of limited length that names the file or its folder.
    private static func isValidMessage(_ text: String, _ folder: String) -> Bool {
        text.contains(folder) && text.utf8.count <= maxMessageBytes && printable(text) == text
    }
}
