import Foundation
import Platform
import Testing

@Suite struct FileSystemTests {
    /// A temporary folder, removed at the end.
    private final class Scratch {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("dino-vit-tests-\(UUID().uuidString)").path
        init() throws { try FileSystem.makeFolder(path) }
        deinit { try? FileManager.default.removeItem(atPath: path) }
        subscript(name: String) -> String { Path.joined(path, name) }
    }

    private func write(_ text: String, to path: String) throws(SystemError) {
        try ReplacingFile.write(to: path) { file throws(SystemError) in try file.write(text.utf8) }
    }

    private func text(_ path: String) -> String? {
        let descriptor = withPath(path) { open($0, O_RDONLY) }
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 100)
        let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    @Test func findsAndWritesNamesThatAreNotUTF8() throws {
        let folder = try Scratch()
        let names: [[UInt8]] = [
            Array("b".utf8), [0x63, 0xE9], Array("é".utf8), [0x83, 0x65], Array("-a".utf8),
        ]
        for bytes in names { try write("\(bytes)", to: folder[String(fileName: bytes)]) }
        let found = try FileSystem.names(in: folder.path)
        #expect(
            found.map(\.fileNameBytes) == names.sorted { $0.lexicographicallyPrecedes($1) })
        for name in found {
            #expect(FileSystem.kind(of: folder[name]) == .file)
            #expect(text(folder[name]) == "\(name.fileNameBytes)")
            #expect(FileSystem.resolved(folder[name]).hasSuffix("/" + name))
        }
    }

    @Test func kindsAndResolvedPathsAreCorrect() throws {
        let folder = try Scratch()
        try write("", to: folder["file"])
        #expect(mkfifo(folder["pipe"], 0o600) == 0)
        #expect(symlink("nowhere", folder["broken"]) == 0)
        #expect(symlink("file", folder["link"]) == 0)
        #expect(FileSystem.kind(of: folder["file"]) == .file)
        #expect(FileSystem.kind(of: folder["link"]) == .file)
        #expect(FileSystem.kind(of: folder["pipe"]) == .pipe)
        #expect(FileSystem.kind(of: folder["broken"]) == .brokenLink)
        #expect(FileSystem.kind(of: folder.path) == .folder)
        #expect(FileSystem.kind(of: "/dev/null") == .device)
        #expect(FileSystem.kind(of: folder["none"]) == nil)
        // The system would read the path only up to the zero byte.
        #expect(FileSystem.kind(of: folder["file\0.png"]) == nil)
        #expect(FileSystem.resolved(folder["link"]) == FileSystem.resolved(folder["file"]))
        #expect(
            FileSystem.resolved(folder["none/../file"]).hasPrefix(FileSystem.resolved(folder.path)))
        #expect(FileSystem.resolved(folder["./none"]) == FileSystem.resolved(folder.path) + "/none")
    }

    @Test func makesFoldersOrReportsWhyNot() throws {
        let folder = try Scratch()
        try FileSystem.makeFolder(folder["a/b/c/"])
        try FileSystem.makeFolder(folder["a/b"])
        #expect(FileSystem.isFolder(folder["a/b/c"]))
        try write("", to: folder["file"])
        #expect(throws: SystemError(EEXIST)) { try FileSystem.makeFolder(folder["file"]) }
        #expect(throws: SystemError(ENOTDIR)) { try FileSystem.makeFolder(folder["file/x"]) }
        #expect(throws: SystemError(ENOENT)) { _ = try FileSystem.names(in: folder["none"]) }
        // The error is that of the folder that could not be made.
        #expect(throws: SystemError(ENOENT)) { try FileSystem.makeFolder("/proc/none/below") }
        #expect(throws: SystemError(ENOTDIR)) { try FileSystem.makeFolder("/dev/null/x/y") }
    }

    @Test func refusesToReplaceDevicesAndPipes() throws {
        let folder = try Scratch()
        #expect(mkfifo(folder["pipe"], 0o600) == 0)
        #expect(symlink("/dev/null", folder["link"]) == 0)
        for name in ["pipe", "link"] {
            #expect(throws: SystemError("it is a device, a pipe or a socket")) {
                try write("text", to: folder[name])
            }
        }
        #expect(throws: SystemError(EISDIR)) { try write("text", to: folder.path) }
        #expect(FileSystem.kind(of: folder["pipe"]) == .pipe)
        #expect(FileSystem.kind(of: "/dev/null") == .device)
    }

    /// The name of the temporary file stays within the system's limit, however long that of the file is.
    @Test(arguments: [1, 200, 238, 251, 255]) func writesFilesWithLongNames(_ length: Int) throws {
        let folder = try Scratch()
        for name in [
            String(repeating: "x", count: length),
            String(fileName: [UInt8](repeating: 0xE9, count: length)),
        ] {
            try write("whole", to: folder[name])
            #expect(text(folder[name]) == "whole")
        }
        let twoByteName = String(repeating: "é", count: length / 2)
        if !twoByteName.isEmpty { try write("whole", to: folder[twoByteName]) }
        #expect(throws: SystemError(ENAMETOOLONG)) {
            try write("", to: folder[String(repeating: "x", count: 256)])
        }
        #expect(try FileSystem.names(in: folder.path).count == (twoByteName.isEmpty ? 2 : 3))
    }

    /// A link stays a link: the file that it leads to is replaced.
    @Test func writingFollowsLinks() throws {
        let folder = try Scratch()
        try FileSystem.makeFolder(folder["disk"])
        try write("old", to: folder["disk/file"])
        #expect(symlink("disk/file", folder["link"]) == 0)
        #expect(symlink("link", folder["further"]) == 0)
        for (place, text) in [("link", "new"), ("further", "newer")] {
            try write(text, to: folder[place])
            #expect(self.text(folder["disk/file"]) == text)
            var status = stat()
            #expect(withPath(folder[place]) { lstat($0, &status) } == 0)
            #expect(status.st_mode & S_IFMT == S_IFLNK)
        }
        #expect(try FileSystem.names(in: folder["disk"]) == ["file"])
        #expect(try FileSystem.names(in: folder.path) == ["disk", "further", "link"])
    }

    /// Nothing else is left behind either.
    @Test func failedWritesLeaveTheOldFile() throws {
        let folder = try Scratch()
        try write("old", to: folder["file"])
        #expect(throws: SystemError(EIO)) {
            try ReplacingFile.write(to: folder["file"]) { file throws(SystemError) in
                try file.write("new".utf8)
                throw SystemError(EIO)
            }
        }
        #expect(text(folder["file"]) == "old")
        #expect(try FileSystem.names(in: folder.path) == ["file"])
        try write("new", to: folder["file"])
        #expect(text(folder["file"]) == "new")
    }

    #if os(Linux)
        /// A process that is killed while writing leaves nothing behind: a file has no name until it is complete.
        @Test func unfinishedFilesHaveNoName() throws {
            let folder = try Scratch()
            for place in ["new", "old"] {
                if place == "old" { try write("old", to: folder[place]) }
                let before = try FileSystem.names(in: folder.path)
                try ReplacingFile.write(to: folder[place]) { file throws(SystemError) in
                    try file.write("half".utf8)
                    let names = try FileSystem.names(in: folder.path)
                    #expect(names == before)
                }
                #expect(text(folder[place]) == "half")
            }
            #expect(try FileSystem.names(in: folder.path) == ["new", "old"])
        }
    #endif
}
