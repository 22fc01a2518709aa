/// A file that is written under a temporary name and renamed to its path once it is complete.
///
/// A reader of the path sees either the old file or the complete new one, even after a power failure. If it is dropped
/// before `commit`, it leaves nothing behind; nor does a killed process, if the file system supports unnamed files.
package struct ReplacingFile: ~Copyable {
    private let path: String
    private let temporary: String
    private var descriptor: Int32
    /// Whether the temporary name exists in the file system.
    private var isNamed = false

    /// The extension of temporary names.
    package static let temporaryType = "partial"

    /// The longest name that the supported systems allow, in bytes.
    private static let longestName = 255

    /// - Parameter path: the file to create or replace. A link is followed to its target, which may be on another disk.
    ///   Devices and pipes are refused.
    package init(path: String) throws(SystemError) {
        try self.init(place: Self.place(path))
    }

    private init(place path: String) throws(SystemError) {
        let suffix = ".\(UInt32.random(in: 0...UInt32.max)).\(Self.temporaryType)"
        var name = Path.name(of: path)
        while name.fileNameBytes.count + suffix.utf8.count > Self.longestName {
            name.unicodeScalars.removeLast()
        }
        let temporary = Path.joined(Path.folder(of: path), name + suffix)
        self.path = path
        self.temporary = temporary
        descriptor = Self.openUnnamed(in: Path.folder(of: path))
        guard descriptor < 0 else { return }
        isNamed = true
        descriptor = withPath(temporary) {
            open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        }
        guard descriptor >= 0 else { throw SystemError() }
    }

    /// Opens a file without a name; negative if that is not supported.
    private static func openUnnamed(in folder: String) -> Int32 {
        #if os(Linux)
            // The value of `__O_TMPFILE` on all processors that Swift supports.
            let unnamed = 0o20_000_000 | O_DIRECTORY
            let descriptor = withPath(folder) { open($0, unnamed | O_WRONLY | O_CLOEXEC, 0o666) }
            // The file gets its name through /proc, which a container may lack.
            if descriptor >= 0 && access(Self.link(to: descriptor), F_OK) != 0 {
                close(descriptor)
                return -1
            }
            return descriptor
        #else
            return -1
        #endif
    }

    private static func link(to descriptor: Int32) -> String { "/proc/self/fd/\(descriptor)" }

    /// The file that a path leads to, after following links.
    private static func place(_ path: String) throws(SystemError) -> String {
        let path = FileSystem.resolved(path)
        switch FileSystem.kind(of: path) {
        case nil, .file, .brokenLink: return path
        case .folder: throw SystemError(EISDIR)
        case .pipe, .socket, .device: throw SystemError("it is a device, a pipe or a socket")
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        if isNamed { FileSystem.remove(temporary) }
    }

    /// Writes a file completely: what `body` writes replaces the file when `body` returns.
    ///
    /// - Parameter isSynchronized: see `commit`.
    package static func write(
        to path: String, isSynchronized: Bool = true,
        _ body: (borrowing ReplacingFile) throws(SystemError) -> Void
    ) throws(SystemError) {
        var file = try ReplacingFile(path: path)
        try body(file)
        try file.commit(isSynchronized: isSynchronized)
    }

    /// Appends bytes.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        guard let base = bytes.baseAddress else { return }
        var done = 0
        while done < bytes.count {
            #if canImport(Glibc)
                let got = Glibc.write(descriptor, base + done, bytes.count - done)
            #elseif canImport(Musl)
                let got = Musl.write(descriptor, base + done, bytes.count - done)
            #elseif canImport(Darwin)
                let got = Darwin.write(descriptor, base + done, bytes.count - done)
            #endif
            if got < 0 && errno == EINTR { continue }
            guard got > 0 else { throw SystemError() }
            done += got
        }
    }

    /// Appends bytes.
    package func write(_ bytes: some Collection<UInt8>) throws(SystemError) {
        let bytes = Array(bytes)
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(SystemError) in try write(buffer) }
        }
        try result.get()
    }

    /// Moves the file to its path, and waits until file and name are on the disk: a rename can reach the disk before
    /// the contents, and a power failure would then leave an incomplete file.
    ///
    /// - Parameter isSynchronized: false for one of thousands of files, for which waiting takes longer than writing, if
    ///   a later file records that they are complete: see ``FileSystem/synchronize()``.
    package mutating func commit(isSynchronized: Bool = true) throws(SystemError) {
        guard !isSynchronized || fsync(descriptor) == 0 else { throw SystemError() }
        #if os(Linux)
            if !isNamed {
                let link = Self.link(to: descriptor)
                guard
                    withPath(
                        temporary, { linkat(AT_FDCWD, link, AT_FDCWD, $0, AT_SYMLINK_FOLLOW) })
                        == 0
                else { throw SystemError() }
                isNamed = true
            }
        #endif
        let closed = close(descriptor) == 0
        descriptor = -1
        guard closed,
            withPath(temporary, { from in withPath(path) { rename(from, $0) } }) == 0
        else { throw SystemError() }
        isNamed = false
        guard isSynchronized else { return }
        let folder = withPath(Path.folder(of: path)) {
            open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        }
        guard folder >= 0 else { return }
        // Some file systems do not support this for folders; the file is in place in any case.
        _ = fsync(folder)
        close(folder)
    }
}
