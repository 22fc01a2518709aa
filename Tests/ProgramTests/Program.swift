import Foundation

/// The built programs, run as separate processes.
enum Program {
    struct Outcome {
        var status: Int32
        var output: String
        var errors: String

        /// The single line that a failure writes to standard error; nil if there is anything else.
        var message: String? {
            let lines = errors.split(separator: "\n", omittingEmptySubsequences: false)
            guard lines.count == 2, lines[1].isEmpty, lines[0].hasPrefix("error: ") else {
                return nil
            }
            return String(lines[0])
        }
    }

    /// Runs the program and waits for it to exit.
    ///
    /// - Parameters:
    ///   - name: the name of one of the package's programs, or the path of a program.
    ///   - directory: the working directory; by default a temporary folder.
    ///   - output: the file for standard output; by default it is returned in `Outcome.output`.
    ///   - fillsDisk: whether files cannot grow beyond a few kilobytes.
    static func run(
        _ arguments: [String], name: String = "dino-vit", in directory: TemporaryFolder? = nil,
        output: String? = nil, fillsDisk: Bool = false
    ) throws -> Outcome {
        let folder = TemporaryFolder()
        func handle(_ path: String) throws -> FileHandle {
            _ = FileManager.default.createFile(atPath: path, contents: nil)
            return try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        }
        let process = Process()
        let executable =
            name.hasPrefix("/")
            ? URL(fileURLWithPath: name) : products.appendingPathComponent(name)
        if fillsDisk {
            // The limit makes writing fail as on a full disk. It also sends a signal, whose default action is restored in
            // case the tests were started with the signal ignored.
            let limited = """
                ulimit -f 8; set -- "$0" "$@"
                env --default-signal=XFSZ true && set -- env --default-signal=XFSZ "$@"
                exec "$@"
                """
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", limited, executable.path] + arguments
        } else {
            process.executableURL = executable
            process.arguments = arguments
        }
        process.currentDirectoryURL = (directory ?? folder).url
        // Files rather than pipes, which would have to be read meanwhile.
        process.standardOutput =
            try output.map { FileHandle(forWritingAtPath: $0) } ?? handle(folder["output"])
        process.standardError = try handle(folder["errors"])
        try process.run()
        process.waitUntilExit()
        func text(_ path: String) -> String {
            String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
        }
        return Outcome(
            status: process.terminationStatus, output: text(folder["output"]),
            errors: text(folder["errors"]))
    }

    /// The folder of the executables, which are beside the tests.
    static var products: URL {
        for bundle in Bundle.allBundles where bundle.bundlePath.hasSuffix(".xctest") {
            return bundle.bundleURL.deletingLastPathComponent()
        }
        return Bundle.main.bundleURL
    }
}

/// A temporary folder, removed together with the last reference to it.
final class TemporaryFolder: Sendable {
    let url: URL

    init() {
        url = FileManager.default.temporaryDirectory
            .appendingPathComponent("dino-vit-tests-\(UUID().uuidString)")
        try? FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: url)
    }

    /// The path of a file in the folder.
    subscript(name: String) -> String { url.appendingPathComponent(name).path }

    /// The sorted names in a subfolder, or in this folder; empty if the subfolder does not exist.
    func names(in folder: String = "") -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: self[folder])) ?? []).sorted()
    }

    /// Creates a subfolder and those above it.
    func makeFolder(_ name: String) throws {
        try FileManager.default.createDirectory(
            atPath: self[name], withIntermediateDirectories: true)
    }

    func data(_ name: String) throws -> Data {
        try Data(contentsOf: url.appendingPathComponent(name))
    }

    func write(_ bytes: some Sequence<UInt8>, to name: String) throws {
        try Data(bytes).write(to: url.appendingPathComponent(name))
    }
}
