import Foundation
import Platform

/// The inputs that broke a promise, a file each, with a list of what they broke.
struct Kept {
    let folder: String
    /// Of one kind of fault so many are kept.
    private static let most = 3

    init(_ folder: String) throws(SystemError) {
        self.folder = folder
        try FileSystem.makeFolder(folder)
    }

    /// Keeps an input unless there are enough of its sort.
    ///
    /// - Parameters:
    ///   - fault: what it broke, the same for all inputs that broke it in the same way.
    ///   - detail: what is to be known of this one.
    func keep(
        _ bytes: [UInt8], of kind: any Kind, seed: UInt64, number: Int, fault: String,
        detail: String
    ) throws {
        let list = Path.joined(folder, "faults.txt")
        let known = (try? String(contentsOfFile: list, encoding: .utf8)) ?? ""
        let mark = "\(kind.name) \(fault):"
        guard known.split(separator: "\n").count(where: { $0.hasPrefix(mark) }) < Self.most else {
            return
        }
        let name = "\(kind.name)-\(seed)-\(number)-\(kind.fileName)"
        try Data(bytes).write(to: URL(fileURLWithPath: Path.joined(folder, name)))
        // Appended: other processes add to the list too.
        let line = Array("\(mark) \(name) (\(printable(detail)))\n".utf8)
        let descriptor = withPath(list) {
            open($0, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
        }
        guard descriptor >= 0 else { throw SystemError() }
        defer { close(descriptor) }
        guard write(descriptor, line, line.count) == line.count else { throw SystemError() }
    }
}
