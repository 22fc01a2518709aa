/// A file that is written beside its place and takes it by renaming once it is whole.
///
/// Whoever opens the place finds the old file or the whole new one, also after a loss of power.
/// Dropped before `commit`, it leaves no trace; nor does a process that is killed, where the file
/// system has files without names.
package struct ReplacingFile: ~Copyable {
    private let path: String
    private let temporary: String
    private var descriptor: Int32
    /// Whether the file is to be found by its temporary name.
    private var isNamed = false

    /// Temporary names end so.
    package static let temporaryType = "partial"

    /// Bytes that the systems at hand allow a name.
    private static let longestName = 255

    /// - Parameter path: the place; of a link the file that it leads to, which may lie on another disk.
    ///   Devices and pipes are not replaced.
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

    /// Opens a file that has no name yet; below 0 where there is no such thing.
    private static func openUnnamed(in folder: String) -> Int32 {
        #if os(Linux)
            // What `__O_TMPFILE` is on all processors that Swift knows.
            let unnamed = 0o20_000_000 | O_DIRECTORY
            let descriptor = withPath(folder) { open($0, unnamed | O_WRONLY | O_CLOEXEC, 0o666) }
            // Its name is given by way of /proc, which a container may lack.
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

    /// Where a path leads to.
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

    /// Writes a file whole: what `body` writes takes the place when it returns.
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

    /// Puts the file in its place, and waits until file and name lie on the disk: a renaming can get
    /// there before the bytes do, and after a loss of power the place would hold a file that is not
    /// whole.
    ///
    /// - Parameter isSynchronized: false for one of thousands of files, which take longer to wait for than
    ///   to make, where a file that follows them says that they are there: see
    ///   ``FileSystem/synchronize()``.
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
        // Some file systems have no such call for folders; the file is in its place all the same.
        _ = fsync(folder)
        close(folder)
    }
}
