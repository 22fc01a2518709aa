/// A file that is written beside its place and takes it by renaming once it is whole.
///
/// Whoever opens the place finds the old file or the whole new one, also after a loss of power.
/// Dropped before `commit`, it leaves no trace.
package struct ReplacingFile: ~Copyable {
    private let path: String
    private let temporary: String
    private var descriptor: Int32
    private var isCommitted = false

    /// The names of files that are being written end so; those of a killed process stay.
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
        descriptor = withPath(temporary) {
            open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        }
        guard descriptor >= 0 else { throw SystemError() }
        self.path = path
        self.temporary = temporary
    }

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
        if !isCommitted { FileSystem.remove(temporary) }
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
        let closed = close(descriptor) == 0
        descriptor = -1
        guard closed,
            withPath(temporary, { from in withPath(path) { rename(from, $0) } }) == 0
        else { throw SystemError() }
        isCommitted = true
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
