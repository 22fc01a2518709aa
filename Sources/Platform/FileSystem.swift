/// Operations on files, by paths whose names are bytes (see `String.init(fileName:)`).
package enum FileSystem {
    /// The kind of file at a path, after following links.
    package enum Kind: Hashable, Sendable {
        case file, folder, pipe, socket, device
        /// A link whose target does not exist: it was removed, or is on a disk that is not mounted.
        case brokenLink
    }

    /// The kind of file at a path; nil if there is none or the system denies the query.
    package static func kind(of path: String) -> Kind? {
        var status = stat()
        guard withPath(path, { stat($0, &status) }) == 0 else {
            return withPath(path) { lstat($0, &status) } == 0 ? .brokenLink : nil
        }
        return switch status.st_mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .folder
        case S_IFIFO: .pipe
        case S_IFSOCK: .socket
        default: .device
        }
    }

    package static func isFolder(_ path: String) -> Bool { kind(of: path) == .folder }

    /// Opens a regular file: refuses folders and devices, and pipes without waiting for their other end.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - flags: those of `open`; the descriptor is closed in other programs in any case.
    /// - Returns: the descriptor, which the caller closes, and the file's status.
    package static func openFile(
        _ path: String, _ flags: Int32 = O_RDONLY
    ) throws(SystemError) -> (descriptor: Int32, status: stat) {
        // Without O_NONBLOCK, opening a pipe would block; for a regular file the flag has no effect.
        let descriptor = withPath(path) { open($0, flags | O_CLOEXEC | O_NONBLOCK, 0o666) }
        guard descriptor >= 0 else { throw SystemError() }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw SystemError("it is not a regular file")
        }
        return (descriptor, status)
    }

    /// The names of a folder's entries, in ascending order of their bytes, independent of the folder's location and the
    /// locale.
    package static func names(in folder: String) throws(SystemError) -> [String] {
        var names: [[UInt8]] = []
        let descriptor = withPath(folder) { open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw SystemError() }
        guard let stream = fdopendir(descriptor) else {
            let failure = SystemError()
            close(descriptor)
            throw failure
        }
        defer { closedir(stream) }
        while true {
            errno = 0
            guard let entry = readdir(stream) else { break }
            // The name is stored in the entry and may be longer than the declared field.
            guard let offset = MemoryLayout<dirent>.offset(of: \.d_name) else { break }
            let name = UnsafeRawPointer(entry) + offset
            let bytes = UnsafeRawBufferPointer(
                start: name, count: strlen(name.assumingMemoryBound(to: CChar.self)))
            if bytes.elementsEqual([0x2E]) || bytes.elementsEqual([0x2E, 0x2E]) { continue }
            names.append(Array(bytes))
        }
        if errno != 0 { throw SystemError() }
        return names.sorted { $0.lexicographicallyPrecedes($1) }.map { String(fileName: $0) }
    }

    /// Creates a folder, with those above it if they are missing.
    package static func makeFolder(_ path: String) throws(SystemError) {
        func make() -> SystemError? {
            guard withPath(path, { mkdir($0, 0o777) }) != 0 else { return nil }
            // Before another call changes errno.
            let failure = SystemError()
            return isFolder(path) ? nil : failure
        }
        guard let failure = make() else { return }
        let above = Path.folder(of: path)
        guard failure.code == ENOENT, above != path, kind(of: path) == nil else { throw failure }
        try makeFolder(above)
        if let failure = make() { throw failure }
    }

    /// The path without links, `.` and `..`, so that two paths of the same file become equal. If the file is missing,
    /// its folder is resolved and the name appended.
    package static func resolved(_ path: String) -> String {
        var found: String?
        _ = withPath(path.isEmpty ? "." : path) { name in
            guard let bytes = realpath(name, nil) else { return -1 }
            defer { free(bytes) }
            found = String(
                fileName: UnsafeRawBufferPointer(start: bytes, count: strlen(bytes)))
            return 0
        }
        if let found { return found }
        let above = Path.folder(of: path)
        return above == path ? path : Path.joined(resolved(above), Path.name(of: path))
    }

    /// Waits until everything written so far, by any process, is on the disks.
    package static func synchronize() { sync() }

    /// Removes a file; does nothing if there is none.
    package static func remove(_ path: String) {
        _ = withPath(path) { unlink($0) }
    }
}

/// Paths as text, processed as bytes: a slash followed by a combining accent is not a slash as a `Character`.
package enum Path {
    private static let slash = UInt8(ascii: "/")

    package static func joined(_ folder: String, _ name: String) -> String {
        folder.isEmpty || name.isEmpty || folder.utf8.last == slash
            ? folder + name : folder + "/" + name
    }

    /// The last component of a path.
    package static func name(of path: String) -> String {
        let path = withoutTrailingSlashes(path)
        guard let end = path.utf8.lastIndex(of: slash), path.utf8.count > 1 else {
            return String(path)
        }
        return String(path[path.utf8.index(after: end)...])
    }

    /// The folder that contains a path: `.` for a bare name, and the root for the root itself.
    package static func folder(of path: String) -> String {
        let path = withoutTrailingSlashes(path)
        guard let end = path.utf8.lastIndex(of: slash) else { return "." }
        return end == path.startIndex ? "/" : String(withoutTrailingSlashes(String(path[..<end])))
    }

    /// The last component of a path without its extension.
    package static func stem(of path: String) -> String {
        let name = name(of: path)
        return dot(in: name).map { String(name[..<$0]) } ?? name
    }

    /// The extension of a path's last component in lower case, without the dot; empty if there is none.
    package static func type(of path: String) -> String {
        let name = name(of: path)
        return dot(in: name).map { name[name.utf8.index(after: $0)...].lowercased() } ?? ""
    }

    /// The dot before a name's extension; nil if there is none, as in a hidden file's name.
    private static func dot(in name: String) -> String.Index? {
        let dot = name.utf8.lastIndex(of: UInt8(ascii: "."))
        return dot == name.startIndex ? nil : dot
    }

    private static func withoutTrailingSlashes(_ path: String) -> Substring {
        var path = path[...]
        while path.utf8.count > 1, path.utf8.last == slash {
            path = path[..<path.utf8.index(before: path.utf8.endIndex)]
        }
        return path
    }
}
