import Images
import Platform

/// The pictures that a command processes: one set, or a folder of sets, each a folder of pictures whose
/// results go into a folder of the same name (`--root_dir` of dino-vit-features' scripts).
///
/// A folder that contains pictures is a set, whatever folders it contains; a folder that contains only
/// folders is a folder of sets. Hidden folders and the output folder are not sets.
struct PictureSets {
    /// The folder for results.
    private let output: String
    /// Files that results must not replace, besides the pictures.
    private let otherInputs: [String]
    /// Other files that results must not replace.
    private let reserved: [String]
    private let quiet: Bool
    private let sets: Sets

    private enum Sets {
        case one(NamedPictures)
        case folders(root: String, names: [String], passedOver: String?)
    }

    private let sharingNames: Bool

    /// - Parameters:
    ///   - arguments: pictures and folders of them, or a single folder of sets.
    ///   - output: the folder for results.
    ///   - inputs: files that results must not replace, besides the pictures.
    ///   - places: other files that results must not replace.
    ///   - quiet: whether to show neither progress nor notes.
    ///   - sharingNames: see `NamedPictures`.
    /// - Throws: `Failure` if a file is missing, a folder contains neither pictures nor folders, or the
    ///   results of two pictures of a set would have the same name.
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
        // Fails before the work begins if the folder cannot be created.
        _ = try OutputFolder(output, keeping: [])
    }

    /// Whether the sets are folders, possibly many, of one folder.
    var areFolders: Bool {
        if case .folders = sets { true } else { false }
    }

    /// Files that results must not replace; without the pictures if the sets are folders.
    var inputs: [String] {
        guard case .one(let named) = sets else { return otherInputs }
        return named.pictures.map(\.path) + otherInputs
    }

    /// Processes the sets in order and continues after failures.
    ///
    /// - Parameter body: processes a set's pictures, sorted by name, into a folder for its results.
    /// - Throws: the error of `body` for a single set; for sets in folders, after all of them, a `Failure`
    ///   that lists those that failed and why.
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
        if let passedOver, !quiet { Terminal.note("ignored in \(root): \(passedOver)") }
        guard !failures.isEmpty else { return }
        throw Failure(
            "\(failures.count) of \(names.count) sets failed: "
                + shortened(failures, separator: "; "))
    }

    /// The names of the sets in a folder, and a summary of what was passed over; nil if it is not a folder
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
                guard name.utf8.first != UInt8(ascii: "."), FileSystem.isFolder(path) else {
                    return false
                }
                // Results of an earlier call may lie deeper.
                let folder = FileSystem.resolved(path).utf8
                return !own.utf8.elementsEqual(folder)
                    && !own.utf8.starts(with: Array(folder) + [UInt8(ascii: "/")])
            }
            // The folders are the sets.
            return names.isEmpty
                ? nil : (names, passedOver.filter { $0.reason != .folder }.summary)
        }
    }
}
