import Foundation

/// The folder for results, made where it is missing.
struct OutputFolder {
    private let path: String
    private let inputs: Set<String>

    /// - Parameter inputs: files that no result may replace.
    /// - Throws: `Failure` where there is no folder and none can be made.
    init(_ path: String, keeping inputs: [String]) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true)
        } catch {
            var isFolder: ObjCBool = false
            let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            throw Failure(
                "the folder \(path) cannot be made: "
                    + (exists && !isFolder.boolValue ? "a file stands there" : systemReason(error)))
        }
        self.path = path.hasSuffix("/") ? path : path + "/"
        self.inputs = Set(inputs.map(OutputFolder.resolved))
    }

    /// The path of a result.
    ///
    /// - Throws: `Failure` where one of the inputs stands there.
    func file(_ name: String) throws -> String {
        let file = path == "./" ? name : path + name
        guard !inputs.contains(OutputFolder.resolved(file)) else {
            throw Failure("\(file) is an input and would be replaced; choose another --output")
        }
        return file
    }

    static func resolved(_ path: String) -> String {
        URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.path
    }
}

/// What the system says, of an error of Foundation's.
func systemReason(_ error: any Error) -> String {
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? any Error
    guard let code = (underlying as? POSIXError)?.code else { return "\(error)" }
    return String(cString: strerror(code.rawValue))
}
