import Foundation
import Images
import Platform
import Testing

@Suite struct PictureFolderTests {
    @Test func listsPicturesInOrder() throws {
        let folder = try TemporaryFolder()
        let names = [
            "cats/b.JPG", "cats/a.png", "dogs/deep/er/x.jpeg", "Zebra.png", "dogs/y.jpg", "ä/1.png",
        ]
        for name in names { try folder.write([], to: name) }
        for name in [
            ".hidden.png", ".git/z.png", "cats/notes.txt", "png", "x.png/inside.txt", "empty/a.gif",
        ] {
            try folder.write([], to: name)
        }
        #expect(mkfifo(folder.path + "/pipe.png", 0o600) == 0)
        let pictures = try PictureFolder(folder.path)
        #expect(
            pictures.files == [
                "Zebra.png", "cats/a.png", "cats/b.JPG", "dogs/deep/er/x.jpeg", "dogs/y.jpg",
                "ä/1.png",
            ])
        #expect(pictures.classes == ["cats", "dogs", "ä"])
        #expect(pictures.labels == [nil, 0, 0, 1, 1, 2])
        #expect(pictures.path(of: 1) == folder.path + "/cats/a.png")
        // However the path of the folder is written.
        #expect(try PictureFolder(folder.path + "/").files == pictures.files)
        #expect(try PictureFolder(folder.path + "/").path(of: 1) == folder.path + "/cats/a.png")
    }

    /// Two names that look the same, é in one character and in two, are different files.
    @Test func classesAreDistinguishedByTheirBytes() throws {
        let folder = try TemporaryFolder()
        let names = ["cafe\u{301}", "caf\u{e9}"]
        for name in names { try folder.write([], to: name + "/1.png") }
        let pictures = try PictureFolder(folder.path)
        #expect(pictures.classes.map { Array($0.utf8) } == names.map { Array($0.utf8) })
        #expect(pictures.labels == [0, 1])
    }

    @Test func followsLinksButNotCycles() throws {
        let folder = try TemporaryFolder()
        let other = try TemporaryFolder()
        try other.write([], to: "far.png")
        try folder.write([], to: "in/near.png")
        let files = FileManager.default
        try files.createSymbolicLink(
            atPath: folder.path + "/linked", withDestinationPath: other.path)
        try files.createSymbolicLink(
            atPath: folder.path + "/in/up", withDestinationPath: folder.path)
        try files.createSymbolicLink(
            atPath: folder.path + "/nowhere.png", withDestinationPath: "/nowhere/at/all")
        let pictures = try PictureFolder(folder.path)
        #expect(pictures.files == ["in/near.png", "linked/far.png"])
    }

    @Test func reportsEmptyAndUnreadableFolders() throws {
        let folder = try TemporaryFolder()
        try folder.write([], to: "notes.txt")
        #expect(throws: PictureFolderError.empty(folder: folder.path, passedOver: [])) {
            _ = try PictureFolder(folder.path)
        }
        try folder.write([], to: "a.webp")
        #expect(
            throws: PictureFolderError.empty(
                folder: folder.path, passedOver: [.init(name: "a.webp", reason: .format("webp"))])
        ) {
            _ = try PictureFolder(folder.path)
        }
        for (path, reason) in [
            ("/nowhere/at/all", "No such file or directory"),
            (folder.path + "/notes.txt", "Not a directory"),
        ] {
            #expect(throws: PictureFolderError.unreadable(folder: path, reason: reason)) {
                _ = try PictureFolder(path)
            }
        }
        #expect(
            "\(PictureFolderError.empty(folder: "a", passedOver: []))"
                == "the folder a holds no .png, .jpg or .jpeg file")
    }

    /// Names are bytes: pictures and classes of any name are found, and their paths are correct.
    @Test func findsNamesThatAreNotUTF8() throws {
        let folder = try TemporaryFolder()
        let names: [[UInt8]] = [
            [0x6B, 0xE4] + Array("/1.png".utf8), [0x83, 0x65] + Array("/\u{e9}.jpg".utf8),
            Array("plain/".utf8) + [0xFF] + Array(".PNG".utf8),
        ]
        for name in names { try folder.write([1], to: String(fileName: name)) }
        let pictures = try PictureFolder(folder.path)
        #expect(
            pictures.files.map(\.fileNameBytes)
                == names.sorted { $0.lexicographicallyPrecedes($1) })
        #expect(
            pictures.classes.map(\.fileNameBytes)
                == [[0x6B, 0xE4], Array("plain".utf8), [0x83, 0x65]].sorted {
                    $0.lexicographicallyPrecedes($1)
                })
        for index in pictures.files.indices {
            #expect(FileSystem.kind(of: pictures.path(of: index)) == .file)
        }
    }

    /// Files that look like pictures but are not read.
    @Test func reportsSkippedFiles() throws {
        let folder = try TemporaryFolder()
        for name in [
            "a.png", "b.WebP", "c.heic", "in/d.webp", "notes.txt", ".e.webp", "x.gif/inside.png",
            // Pictures that the program draws, and others with similar names.
            "a.saliency.png", "a.attention-11.png", "a.mask.png", "a.mask.overlay.png",
            "a.parts.png", "a.parts.overlay.png", "a.pca.png", "in/loss.png", "in/log.jsonl",
            "matches.png", "matches.json", "mask.png", "attention-1.png", "b.attention-x.png",
            "more/loss.png", "more/matches.png", "a.saliency.jpg",
        ] {
            try folder.write([], to: name)
        }
        #expect(mkfifo(folder.path + "/pipe.jpg", 0o600) == 0)
        #expect(mkfifo(folder.path + "/pipe", 0o600) == 0)
        #expect(symlink("nowhere", folder.path + "/gone") == 0)
        let pictures = try PictureFolder(folder.path)
        #expect(
            pictures.files == [
                "a.png", "a.saliency.jpg", "attention-1.png", "b.attention-x.png", "mask.png",
                "more/loss.png", "more/matches.png", "x.gif/inside.png",
            ])
        #expect(
            pictures.passedOver.summary
                == "9 pictures drawn by this program, 2 .webp files, a .heic file, "
                + "a broken link, a pipe, socket or device: a.attention-11.png, "
                + "a.mask.overlay.png, a.mask.png, a.parts.overlay.png, a.parts.png, and 9 more")
        #expect(
            try PictureFolder(folder.path, isDeep: false).files
                == ["a.png", "a.saliency.jpg", "attention-1.png", "b.attention-x.png", "mask.png"])
    }
}

/// A folder that is removed with its last reference.
private final class TemporaryFolder {
    let path = FileManager.default.temporaryDirectory
        .appendingPathComponent("dino-vit-tests-\(UUID().uuidString)").path

    init() throws { try FileSystem.makeFolder(path) }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file, and creates the folders that it is in.
    func write(_ bytes: [UInt8], to name: String) throws {
        let file = Path.joined(path, name)
        try FileSystem.makeFolder(Path.folder(of: file))
        try ReplacingFile.write(to: file) { file throws(SystemError) in try file.write(bytes) }
    }
}
