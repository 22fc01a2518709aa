import DINO
import Foundation
import Images
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
        // Wherever it lies, and however its path is written.
        #expect(try PictureFolder(folder.path + "/").files == pictures.files)
        #expect(try PictureFolder(folder.path + "/").path(of: 1) == folder.path + "/cats/a.png")
    }

    @Test func linksAreFollowedButNotInCircles() throws {
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

    @Test func errorsAreOneSentence() throws {
        let folder = try TemporaryFolder()
        try folder.write([], to: "notes.txt")
        #expect(throws: PictureFolderError.empty(folder: folder.path)) {
            _ = try PictureFolder(folder.path)
        }
        for path in ["/nowhere/at/all", folder.path + "/notes.txt"] {
            #expect(throws: PictureFolderError.unreadable(folder: path)) {
                _ = try PictureFolder(path)
            }
        }
        #expect(
            "\(PictureFolderError.empty(folder: "a"))"
                == "the folder a holds no .png, .jpg or .jpeg file")
    }
}
