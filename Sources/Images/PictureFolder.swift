import Platform

/// The PNG and JPEG files of a folder, told by their extensions.
public struct PictureFolder: Sendable, Hashable {
    /// The folder.
    public let path: String
    /// The pictures' paths within it, in ascending order of their bytes, so that it is the same
    /// wherever the folder lies and whatever the language is set to. At least one.
    ///
    /// A name that is not UTF-8 is carried in a `String` too, in characters of the private use area
    /// (U+EF80 to U+EFFF for the bytes 0x80 to 0xFF); every function of this package that takes a
    /// path understands them.
    public let files: [String]
    /// The names of its folders that hold pictures, however deep, in the same order.
    public let classes: [String]
    /// The class of each picture as an index into `classes`; nil for one that is in no such folder.
    public let labels: [Int?]
    /// What looked like a picture and is none of `files`, in the same order.
    public let passedOver: [PassedOver]

    /// A file of the folder that could be taken for a picture and is not read.
    public struct PassedOver: Sendable, Hashable {
        /// Its path within the folder.
        public var name: String
        public var reason: Reason

        public init(name: String, reason: Reason) {
            self.name = name
            self.reason = reason
        }

        public enum Reason: Sendable, Hashable {
            /// A picture by its extension, of a format that is not read.
            case format(String)
            /// A pipe, a socket or a device; reading it might wait for ever.
            case noFile
            /// A link that leads nowhere.
            case brokenLink
            /// What this package's program drew of other pictures.
            case result
            /// A folder with pictures, where those below are not asked for.
            case folder
        }
    }

    /// Lists the pictures of a folder: files named .png, .jpg or .jpeg, in capitals or not. Hidden
    /// files and folders are passed over, and what the program of this package draws (see
    /// ``DrawnPicture``); links are followed, but for those that lead back to a folder that they are
    /// in.
    ///
    /// - Parameter isDeep: whether the folders below it count too.
    /// - Throws: ``PictureFolderError``.
    /// - Complexity: O(n log n) of all files below the folder; none of them is opened.
    public init(_ path: String, isDeep: Bool = true) throws(PictureFolderError) {
        self.path = path
        var found: [String] = []
        var passed: [PassedOver] = []
        // Folders still to be listed, each with those that it is in, by their true paths.
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
            file.utf8.firstIndex(of: UInt8(ascii: "/")).map { String(file[..<$0]) }
        }
        classes = Set(names.compactMap { $0 }).sorted { $0.precedes($1) }
        let indices = Dictionary(uniqueKeysWithValues: zip(classes, classes.indices))
        labels = names.map { $0.flatMap { indices[$0] } }
    }

    /// Whether there are pictures in a folder, not counting those below it.
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

    /// Where a picture lies.
    ///
    /// - Precondition: `index` is below ``count``.
    public func path(of index: Int) -> String { Path.joined(path, files[index]) }
}

/// Extensions of pictures.
private enum Format {
    static let read: Set<String> = ["png", "jpg", "jpeg"]
    /// Those of common formats that are not read.
    static let others: Set<String> = [
        "apng", "arw", "avif", "bmp", "cr2", "cr3", "dng", "gif", "heic", "heif", "jfif", "jp2",
        "jpe", "jxl", "nef", "orf", "pbm", "pgm", "pnm", "ppm", "psd", "rw2", "tga", "tif", "tiff",
        "webp",
    ]
}

extension PictureFolder.PassedOver.Reason {
    /// Why an entry of a folder, which is no folder itself, is not read although it looks like a
    /// picture; nil for a picture, and for what does not look like one.
    fileprivate init?(_ name: String, _ kind: FileSystem.Kind?, among names: Set<String>) {
        let type = Path.type(of: name)
        // It may have led to a folder.
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
    /// What was passed over, in words, shortened where it is much; nil where nothing was.
    ///
    /// Such as `3 .webp files, a link that leads nowhere: a.webp, b.webp, c.webp, d.png`.
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
                count == 1 ? "a link that leads nowhere" : "\(count) links that lead nowhere"
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
    /// The order of bytes.
    fileprivate func precedes(_ other: String) -> Bool {
        utf8.lexicographicallyPrecedes(other.utf8)
    }
}

/// Why there are no pictures in a folder, in one sentence that names it.
public enum PictureFolderError: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is no such folder, or the system would not list it.
    case unreadable(folder: String, reason: String)
    /// No file in it is named as a picture that is read; what looks like one.
    case empty(folder: String, passedOver: [PictureFolder.PassedOver])

    public var description: String { printable(sentence) }

    private var sentence: String {
        switch self {
        case .unreadable(let folder, let reason):
            "the folder \(folder) cannot be read: \(reason)"
        case .empty(let folder, let passedOver):
            "the folder \(folder) holds no .png, .jpg or .jpeg file"
                + (passedOver.summary.map { "; passed over: \($0)" } ?? "")
        }
    }
}
