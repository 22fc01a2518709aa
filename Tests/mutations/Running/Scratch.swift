import Foundation
import Platform

/// The folder for a process's files, in `TMPDIR`, which should be in memory.
enum Scratch {
    static let folder: String = {
        let root = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
        return Path.joined(root, "mutations-\(getpid())")
    }()

    static func make() throws { try FileSystem.makeFolder(folder) }

    static func remove() { remove(folder) }

    /// Removes a file, or a folder with its contents.
    static func remove(_ path: String) {
        guard FileSystem.isFolder(path) else { return FileSystem.remove(path) }
        for name in (try? FileSystem.names(in: path)) ?? [] { remove(Path.joined(path, name)) }
        _ = withPath(path) { rmdir($0) }
    }
}
