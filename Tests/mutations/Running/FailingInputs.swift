import Foundation
import Platform

/// The inputs that violated a guarantee, one file each, with a list of the violations.
struct FailingInputs {
    let folder: String
    /// The maximum number of inputs that are kept per fault.
    private static let maxPerFault = 3

    init(_ folder: String) throws(SystemError) {
        self.folder = folder
        try FileSystem.makeFolder(folder)
    }

    /// Keeps an input, unless there are already enough with the same fault.
    ///
    /// - Parameters:
    ///   - fault: a description of the violation, the same for all inputs with the same cause.
    ///   - detail: further information on this input.
    func keep(
        _ bytes: [UInt8], of kind: any Kind, seed: UInt64, number: Int, fault: String,
        detail: String
    ) throws {
        let list = Path.joined(folder, "faults.txt")
        let known = (try? String(contentsOfFile: list, encoding: .utf8)) ?? ""
        let mark = "\(kind.name) \(fault):"
        let count = known.split(separator: "\n").count(where: { $0.hasPrefix(mark) })
        guard count < Self.maxPerFault else { return }
        let name = "\(kind.name)-\(seed)-\(number)-\(kind.fileName)"
        try Data(bytes).write(to: URL(fileURLWithPath: Path.joined(folder, name)))
        // Appended, since other processes add to the list too.
        let line = Array("\(mark) \(name) (\(printable(detail)))\n".utf8)
        let descriptor = withPath(list) {
            open($0, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
        }
        guard descriptor >= 0 else { throw SystemError() }
        defer { close(descriptor) }
        guard write(descriptor, line, line.count) == line.count else { throw SystemError() }
    }
}
