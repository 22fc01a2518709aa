import Images
import Platform

/// What a command was given: the pictures of one set, or a folder of sets, each a folder of pictures
/// whose results go into a folder of its name (`--root_dir` of dino-vit-features' scripts).
///
/// A folder that holds pictures is a set, whatever folders are in it; one that holds none, but
/// folders, is a folder of sets. Hidden folders and the results' own are none of them.
struct PictureSets {
    /// Where the results go.
    private let output: String
    /// Files that no result may replace, beside the pictures.
    private let otherInputs: [String]
    /// Places that no result may take, beside the inputs.
    private let reserved: [String]
    private let quiet: Bool
    private let sets: Sets

    private enum Sets {
        case one(NamedPictures)
        case folders(root: String, names: [String], passedOver: String?)
    }

    private let sharingNames: Bool

    /// - Parameters:
    ///   - arguments: pictures, folders of them, or a folder of sets alone.
    ///   - sharingNames: see `NamedPictures`.
    /// - Throws: `Failure` where there is no such file, a folder holds neither pictures nor folders,
    ///   or the results of two pictures of a set would have the same name.
    init(
        _ arguments: [String], output: String, keeping inputs: [String],
        reserving places: [String] = [], quiet: Bool,
        sharingNames: Bool = false
    ) throws {
        self.output = output
        otherInputs = inputs
        reserved = places
        self.sharingNames = sharingNames
        self.quiet = quiet
        if arguments.count == 1, let root = arguments.first,
            let (names, passedOver) = try PictureSets.folders(in: root, output: output)
        {
            sets = .folders(root: root, names: names, passedOver: passedOver)
        } else {
            sets = .one(try NamedPictures(arguments, sharingNames: sharingNames))
        }
        // What cannot be made is told before the work begins.
        _ = try OutputFolder(output, keeping: [])
    }

    /// Whether there are sets in folders, of which there may be many.
    var areFolders: Bool {
        if case .folders = sets { true } else { false }
    }

    /// Files that no result may replace; of sets in folders, those that are no pictures.
    var inputs: [String] {
        guard case .one(let named) = sets else { return otherInputs }
        return named.pictures.map(\.path) + otherInputs
    }

    /// Works on one set after the other, past those that fail.
    ///
    /// - Parameter body: is handed a set's pictures, sorted by name, and the folder for its results.
    /// - Throws: what `body` throws of a set that stands for itself; of sets in folders, when all
    ///   had their turn, `Failure` that names those that failed and why.
    func perform(_ body: ([Picture], OutputFolder) throws -> Void) throws {
        func work(on named: NamedPictures, into output: String) throws {
            defer { for line in named.passedOver where !quiet { Terminal.note(line) } }
            let paths = named.pictures.map(\.path) + otherInputs + reserved
            try body(named.pictures, OutputFolder(output, keeping: paths))
        }
        guard case .folders(let root, let names, let passedOver) = sets else {
            guard case .one(let pictures) = sets else { return }
            return try work(on: pictures, into: output)
        }
        var progress = Progress(names.count, of: "sets", quiet: quiet)
        var failures: [String] = []
        for name in names {
            do {
                try work(
                    on: NamedPictures([Path.joined(root, name)], sharingNames: sharingNames),
                    into: Path.joined(output, name))
            } catch {
                failures.append("\(name): \(error)")
            }
            progress.advance()
        }
        progress.finish()
        if let passedOver, !quiet { Terminal.note("passed over in \(root): \(passedOver)") }
        guard !failures.isEmpty else { return }
        throw Failure(
            "\(failures.count) of \(names.count) sets failed: "
                + shortened(failures, separator: "; "))
    }

    /// The names of the sets in a folder, and what was passed over beside them; nil where it is none
    /// of sets.
    private static func folders(
        in root: String, output: String
    ) throws -> (names: [String], passedOver: String?)? {
        guard FileSystem.isFolder(root) else { return nil }
        do {
            _ = try PictureFolder(root, isDeep: false)
            return nil
        } catch .unreadable(let folder, let reason) {
            throw PictureFolderError.unreadable(folder: folder, reason: reason)
        } catch .empty(_, let passedOver) {
            let own = FileSystem.resolved(output)
            let names = ((try? FileSystem.names(in: root)) ?? []).filter { name in
                let path = Path.joined(root, name)
                return name.utf8.first != UInt8(ascii: ".") && FileSystem.isFolder(path)
                    && FileSystem.resolved(path) != own
            }
            // The folders are the sets.
            return names.isEmpty
                ? nil : (names, passedOver.filter { $0.reason != .folder }.summary)
        }
    }
}
