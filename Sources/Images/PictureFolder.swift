import Platform

/// The PNG and JPEG files of a folder, recognised by their extensions.
public struct PictureFolder: Sendable, Hashable {
    /// The path of the folder.
    public let path: String
    /// The pictures' paths relative to the folder, in ascending order of their bytes, independent of the folder's
    /// location and the locale. There is at least one.
    ///
    /// A name that is not UTF-8 is represented with characters of the private use area (U+EF80 to U+EFFF for the bytes
    /// 0x80 to 0xFF); every function of this package that takes a path understands them.
    public let files: [String]
    /// The names of the direct subfolders that contain pictures at any depth, in the same order.
    public let classes: [String]
    /// The class of each picture as an index into `classes`; nil for a picture directly in the folder.
    public let labels: [Int?]
    /// Files that look like pictures but were skipped, in the same order.
    public let passedOver: [PassedOver]

    /// An entry of the folder that looks like a picture but was skipped.
    public struct PassedOver: Sendable, Hashable {
        /// Its path relative to the folder.
        public var name: String
        /// Why it was skipped.
        public var reason: Reason

        /// Creates an entry.
        public init(name: String, reason: Reason) {
            self.name = name
            self.reason = reason
        }

        /// Reasons to skip an entry.
        public enum Reason: Sendable, Hashable {
            /// Its extension is that of a picture format that is not supported.
            case format(String)
            /// It is a pipe, a socket or a device; reading it might block for ever.
            case noFile
            /// It is a link whose target does not exist.
            case brokenLink
            /// It is a picture that this package's program drew.
            case result
            /// It is a folder with pictures, and subfolders were not requested.
            case folder
        }
    }

    /// Lists the pictures of a folder: files named .png, .jpg or .jpeg, in any case. Hidden files and folders are
    /// skipped, and so are pictures that this package's program drew (see `DrawnPicture`). Links are followed unless
    /// they lead back to a folder that contains them.
    ///
    /// - Parameters:
    ///   - path: the folder.
    ///   - isDeep: whether to include the subfolders; true by default.
    /// - Throws: ``PictureFolderError``.
    /// - Complexity: O(n log n) in the number of files below the folder; none is opened.
    public init(_ path: String, isDeep: Bool = true) throws(PictureFolderError) {
        self.path = path
        var found: [String] = []
        var passed: [PassedOver] = []
        // Folders still to be listed, each with the resolved paths of the folders around it.
        var open = [(name: "", above: [String]())]
        while let (name, above) = open.popLast() {
            let folder = Path.joined(path, name)
            let truth = FileSystem.resolved(folder)
            if above.contains(truth) { continue }
            let entries: [String]
            do {
                entries = try FileSystem.names(in: folder)
            } catch {
                throw .unreadable(folder: folder, reason: "\(error)")
            }
            let present = Set(entries)
            for entry in entries where entry.utf8.first != UInt8(ascii: ".") {
                let kind = FileSystem.kind(of: Path.joined(folder, entry))
                let inside = Path.joined(name, entry)
                if kind == .folder {
                    if isDeep {
                        open.append((inside, above + [truth]))
                    } else if PictureFolder.holdsPictures(Path.joined(folder, entry)) {
                        passed.append(PassedOver(name: inside, reason: .folder))
                    }
                } else if let reason = PassedOver.Reason(entry, kind, among: present) {
                    passed.append(PassedOver(name: inside, reason: reason))
                } else if kind == .file, Format.read.contains(Path.type(of: entry)) {
                    found.append(inside)
                }
            }
        }
        passedOver = passed.sorted { $0.name.precedes($1.name) }
        guard !found.isEmpty else {
            throw .empty(folder: path, passedOver: passedOver)
        }
        files = found.sorted { $0.precedes($1) }
        let names = files.map { file in
            file.utf8.firstIndex(of: UInt8(ascii: "/")).map { FileName(String(file[..<$0])) }
        }
        classes = Set(names.compactMap { $0 }).map(\.text).sorted { $0.precedes($1) }
        let indices = Dictionary(
            uniqueKeysWithValues: zip(classes.lazy.map(FileName.init), classes.indices))
        labels = names.map { $0.flatMap { indices[$0] } }
    }

    /// Whether a folder itself contains pictures, not counting its subfolders.
    private static func holdsPictures(_ folder: String) -> Bool {
        guard let names = try? FileSystem.names(in: folder) else { return false }
        let present = Set(names)
        return names.contains {
            $0.utf8.first != UInt8(ascii: ".") && Format.read.contains(Path.type(of: $0))
                && !DrawnPicture.isOne($0, among: present)
        }
    }

    /// The number of pictures; at least 1.
    public var count: Int { files.count }

    /// The path of a picture.
    ///
    /// - Precondition: `index` is below ``count``.
    public func path(of index: Int) -> String { Path.joined(path, files[index]) }
}

/// File name extensions of pictures.
private enum Format {
    static let read: Set<String> = ["png", "jpg", "jpeg"]
    /// Common formats that are not supported.
    static let others: Set<String> = [
        "apng", "arw", "avif", "bmp", "cr2", "cr3", "dng", "gif", "heic", "heif", "jfif", "jp2",
        "jpe", "jxl", "nef", "orf", "pbm", "pgm", "pnm", "ppm", "psd", "rw2", "tga", "tif", "tiff",
        "webp",
    ]
}

extension PictureFolder.PassedOver.Reason {
    /// Why an entry other than a folder is skipped although it looks like a picture; nil for a picture and for anything
    /// that does not look like one.
    fileprivate init?(_ name: String, _ kind: FileSystem.Kind?, among names: Set<String>) {
        let type = Path.type(of: name)
        // Whatever its extension: it may have led to a folder.
        if kind == .brokenLink {
            self = .brokenLink
        } else if Format.others.contains(type) {
            self = .format(type)
        } else if !Format.read.contains(type) {
            return nil
        } else if kind != .file {
            self = .noFile
        } else if DrawnPicture.isOne(name, among: names) {
            self = .result
        } else {
            return nil
        }
    }
}

extension [PictureFolder.PassedOver] {
    /// A description of the skipped entries, shortened if there are many; nil if there are none.
    ///
    /// For example `3 .webp files, a broken link: a.webp, b.webp, c.webp, d.png`.
    public var summary: String? {
        guard !isEmpty else { return nil }
        var counts: [(what: PictureFolder.PassedOver.Reason, count: Int)] = []
        for item in self {
            if let place = counts.firstIndex(where: { $0.what == item.reason }) {
                counts[place].count += 1
            } else {
                counts.append((item.reason, 1))
            }
        }
        let words = counts.map { what, count in
            switch what {
            case .format(let type): count == 1 ? "a .\(type) file" : "\(count) .\(type) files"
            case .noFile:
                count == 1
                    ? "a pipe, socket or device" : "\(count) pipes, sockets or devices"
            case .brokenLink:
                count == 1 ? "a broken link" : "\(count) broken links"
            case .folder: count == 1 ? "a folder of pictures" : "\(count) folders of pictures"
            case .result:
                count == 1
                    ? "a picture drawn by this program" : "\(count) pictures drawn by this program"
            }
        }
        return words.joined(separator: ", ") + ": " + shortened(map(\.name), separator: ", ")
    }
}

extension String {
    /// Whether this string comes first in the order of bytes.
    fileprivate func precedes(_ other: String) -> Bool {
        utf8.lexicographicallyPrecedes(other.utf8)
    }
}

/// Why no pictures were found in a folder; the description is one sentence that names it.
public enum PictureFolderError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The folder does not exist, or the system failed to list it.
    case unreadable(folder: String, reason: String)
    /// No file in it has the extension of a supported picture; `passedOver` lists what looks like one.
    case empty(folder: String, passedOver: [PictureFolder.PassedOver])

    /// One sentence that names the folder; control characters are escaped.
    public var description: String { printable(sentence) }

    private var sentence: String {
        switch self {
        case .unreadable(let folder, let reason):
            "the folder \(folder) cannot be read: \(reason)"
        case .empty(let folder, let passedOver):
            "the folder \(folder) holds no .png, .jpg or .jpeg file"
                + (passedOver.summary.map { "; ignored: \($0)" } ?? "")
        }
    }
}
