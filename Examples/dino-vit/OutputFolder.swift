import Foundation
import Platform

/// The folder for results, made where it is missing.
struct OutputFolder {
    private let path: String
    private let inputs: Set<String>

    /// - Parameter inputs: files that no result may replace.
    /// - Throws: `Failure` where there is no folder and none can be made.
    init(_ path: String, keeping inputs: [String]) throws {
        do {
            try FileSystem.makeFolder(path)
        } catch {
            let isTaken = FileSystem.kind(of: path) == .file
            throw Failure(
                "the folder \(path) cannot be made: "
                    + (isTaken ? "a file stands there" : "\(error)"))
        }
        self.path = path
        self.inputs = Set(inputs.map(FileSystem.resolved))
    }

    /// The path of a result.
    ///
    /// - Throws: `Failure` where one of the inputs stands there.
    func file(_ name: String) throws -> String {
        let file = path == "." || path == "./" ? name : Path.joined(path, name)
        guard !inputs.contains(FileSystem.resolved(file)) else {
            throw Failure("\(file) is an input and would be replaced; choose another --output")
        }
        return file
    }
}

/// Checks that a result can be written to a place that a person named, before the work for it begins.
///
/// - Parameter inputs: files that it may not replace.
/// - Throws: `Failure` where it cannot.
func checkWritable(_ path: String, keeping inputs: [String]) throws {
    guard !inputs.map(FileSystem.resolved).contains(FileSystem.resolved(path)) else {
        throw Failure("\(path) is an input and would be replaced; choose another name")
    }
    guard !FileSystem.isFolder(path) else {
        throw Failure("\(path) cannot be written: a folder stands there")
    }
    do {
        _ = try ReplacingFile(path: path)
    } catch {
        throw Failure("\(path) cannot be written: \(error)")
    }
}

/// Writes a result, whole or not at all.
func write(_ bytes: Data, to path: String) throws {
    do {
        try ReplacingFile.write(to: path) { file throws(SystemError) in try file.write(bytes) }
    } catch {
        throw Failure("\(path) cannot be written: \(error)")
    }
}

/// Writes a report as JSON, whole or not at all.
func writeJSON(_ report: some Encodable, to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try write(encoder.encode(report) + Data("\n".utf8), to: path)
}
