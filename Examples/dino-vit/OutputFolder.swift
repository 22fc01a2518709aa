import Foundation
import Platform

/// The folder for results, created if it is missing.
struct OutputFolder {
    private let path: String
    private let inputs: Set<FileName>

    /// Creates the folder if it is missing.
    ///
    /// - Parameters:
    ///   - path: the folder.
    ///   - inputs: files that results must not replace.
    /// - Throws: `Failure` if the folder cannot be created.
    init(_ path: String, keeping inputs: [String]) throws {
        do {
            try FileSystem.makeFolder(path)
        } catch {
            let isTaken = FileSystem.kind(of: path) == .file
            throw Failure(
                "the folder \(path) cannot be created: "
                    + (isTaken ? "it is a file" : "\(error)"))
        }
        self.path = path
        self.inputs = Set(inputs.map { FileName(FileSystem.resolved($0)) })
    }

    /// The path of a result.
    ///
    /// - Throws: `Failure` if it is one of the inputs.
    func file(_ name: String) throws -> String {
        let file = path == "." || path == "./" ? name : Path.joined(path, name)
        guard !inputs.contains(FileName(FileSystem.resolved(file))) else {
            throw Failure("\(file) is an input and would be replaced; choose another --output")
        }
        return file
    }
}

/// Checks before the work begins that a result can be written to a path named by the user.
///
/// - Parameters:
///   - path: the result's file.
///   - inputs: files that it must not replace.
/// - Throws: `Failure` if it cannot be written.
func checkWritable(_ path: String, keeping inputs: [String]) throws {
    let resolved = FileName(FileSystem.resolved(path))
    guard !inputs.contains(where: { FileName(FileSystem.resolved($0)) == resolved }) else {
        throw Failure("\(path) is an input and would be replaced; choose another name")
    }
    guard !FileSystem.isFolder(path) else {
        throw Failure("\(path) cannot be written: it is a folder")
    }
    do {
        _ = try ReplacingFile(path: path)
    } catch {
        throw Failure("\(path) cannot be written: \(error)")
    }
}

/// Writes a result atomically.
func write(_ bytes: Data, to path: String) throws {
    do {
        try ReplacingFile.write(to: path) { file throws(SystemError) in try file.write(bytes) }
    } catch {
        throw Failure("\(path) cannot be written: \(error)")
    }
}

/// Writes a report as JSON, atomically.
func writeJSON(_ report: some Encodable, to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try write(encoder.encode(report) + Data("\n".utf8), to: path)
}
