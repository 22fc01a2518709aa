import Foundation

/// What a command was given: the pictures of one set, or a folder of sets, each a folder of pictures
/// whose results go into a folder of its name (`--root_dir` of dino-vit-features' scripts).
///
/// A folder that holds pictures is a set, whatever folders are in it; one that holds none, but
/// folders, is a folder of sets. Hidden folders and the results' own are none of them.
struct PictureSets {
    /// Where the results go.
    private let output: String
    /// Files that no result may replace, beside the pictures.
    private let inputs: [String]
    private let quiet: Bool
    private let sets: Sets

    private enum Sets {
        case one([Picture])
        case folders(root: String, names: [String])
    }

    /// - Parameter arguments: pictures, folders of them, or a folder of sets alone.
    /// - Throws: `Failure` where there is no such file, a folder holds neither pictures nor folders,
    ///   or the results of two pictures of a set would have the same name.
    init(
        _ arguments: [String], output: String, keeping inputs: [String], quiet: Bool
    ) throws {
        self.output = output
        self.inputs = inputs
        self.quiet = quiet
        if arguments.count == 1, let root = arguments.first,
            let names = try PictureSets.folders(in: root, output: output)
        {
            sets = .folders(root: root.hasSuffix("/") ? root : root + "/", names: names)
        } else {
            sets = .one(try Picture.all(arguments))
        }
        // What cannot be made is told before the work begins.
        _ = try OutputFolder(output, keeping: [])
    }

    /// Whether there are sets in folders, of which there may be many.
    var areFolders: Bool {
        if case .folders = sets { true } else { false }
    }

    /// Works on one set after the other, past those that fail.
    ///
    /// - Parameter body: is handed a set's pictures, sorted by name, and the folder for its results.
    /// - Throws: what `body` throws of a set that stands for itself; of sets in folders, when all
    ///   had their turn, `Failure` that names those that failed and why.
    func perform(_ body: ([Picture], OutputFolder) throws -> Void) throws {
        func work(on pictures: [Picture], into output: String) throws {
            let paths = pictures.map(\.path) + inputs
            try body(pictures, OutputFolder(output, keeping: paths))
        }
        guard case .folders(let root, let names) = sets else {
            guard case .one(let pictures) = sets else { return }
            return try work(on: pictures, into: output)
        }
        var progress = Progress(names.count, of: "sets", quiet: quiet)
        var failures: [String] = []
        for name in names {
            do {
                let folder = (output.hasSuffix("/") ? output : output + "/") + name
                try work(on: Picture.all([root + name]), into: folder)
            } catch {
                failures.append("\(name): \(error)")
            }
            progress.advance()
        }
        progress.finish()
        guard !failures.isEmpty else { return }
        throw Failure(
            "\(failures.count) of \(names.count) sets failed: \(failures.joined(separator: "; "))")
    }

    /// The names of the sets in a folder; nil where it is none of sets.
    private static func folders(in root: String, output: String) throws -> [String]? {
        guard Picture.isFolder(root), try Picture.pictures(in: root).isEmpty else { return nil }
        let own = OutputFolder.resolved(output)
        let names = try Picture.names(in: root).filter { name in
            let path = root + "/" + name
            return !name.hasPrefix(".") && Picture.isFolder(path)
                && OutputFolder.resolved(path) != own
        }
        return names.isEmpty ? nil : names
    }
}
