import Foundation

/// The PNG and JPEG files of a folder and of the folders in it, told by their extensions.
public struct PictureFolder: Sendable, Hashable {
    /// The folder.
    public let path: String
    /// The pictures' paths within it, in ascending order of their bytes, so that it is the same
    /// wherever the folder lies and whatever the language is set to.
    public let files: [String]
    /// The names of its folders that hold pictures, however deep, in the same order.
    public let classes: [String]
    /// The class of each picture as an index into `classes`; nil for one that is in no such folder.
    public let labels: [Int?]

    /// Lists the pictures of a folder: files named .png, .jpg or .jpeg, in capitals or not, in it
    /// and in the folders below it. Hidden files and folders are passed over; links are followed, but
    /// for those that lead back to a folder that they are in.
    ///
    /// - Throws: ``PictureFolderError``.
    /// - Complexity: O(n log n) of all files below the folder; none of them is opened.
    public init(_ path: String) throws(PictureFolderError) {
        self.path = path
        var found: [String] = []
        // Folders still to be listed, each with those that it is in, by their true paths.
        var open = [(name: "", above: [String]())]
        while let (name, above) = open.popLast() {
            let folder = PictureFolder.joined(path, name)
            let truth = URL(fileURLWithPath: folder).resolvingSymlinksInPath().path
            if above.contains(truth) { continue }
            let entries: [String]
            do {
                entries = try FileManager.default.contentsOfDirectory(atPath: folder)
            } catch {
                throw .unreadable(folder: folder)
            }
            for entry in entries where !entry.hasPrefix(".") {
                let entry = PictureFolder.joined(name, entry)
                // Of what is neither, a pipe or a socket, reading might wait for ever.
                switch PictureFolder.kind(of: PictureFolder.joined(path, entry)) {
                case S_IFDIR: open.append((entry, above + [truth]))
                case S_IFREG where PictureFolder.isPicture(entry): found.append(entry)
                default: continue
                }
            }
        }
        guard !found.isEmpty else { throw .empty(folder: path) }
        files = found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        let names = files.map { file in
            file.firstIndex(of: "/").map { String(file[..<$0]) }
        }
        classes = Set(names.compactMap { $0 })
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        let indices = Dictionary(uniqueKeysWithValues: zip(classes, classes.indices))
        labels = names.map { $0.flatMap { indices[$0] } }
    }

    /// The number of pictures; at least 1.
    public var count: Int { files.count }

    /// Where a picture lies.
    ///
    /// - Precondition: `index` is below ``count``.
    public func path(of index: Int) -> String {
        PictureFolder.joined(path, files[index])
    }

    private static func joined(_ folder: String, _ name: String) -> String {
        folder.isEmpty || name.isEmpty
            ? folder + name : folder.hasSuffix("/") ? folder + name : folder + "/" + name
    }

    /// What the system says that a path leads to, links followed; nil where it leads nowhere.
    private static func kind(of path: String) -> mode_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
    }

    private static func isPicture(_ name: String) -> Bool {
        let name = name.lowercased()
        return [".png", ".jpg", ".jpeg"].contains { name.hasSuffix($0) }
    }
}

/// Why there are no pictures to train on, in one sentence that names the folder.
public enum PictureFolderError: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is no such folder, or the system would not list it.
    case unreadable(folder: String)
    /// No file in it is named as a picture.
    case empty(folder: String)

    public var description: String {
        switch self {
        case .unreadable(let folder): "the folder \(folder) cannot be read"
        case .empty(let folder): "the folder \(folder) holds no .png, .jpg or .jpeg file"
        }
    }
}
