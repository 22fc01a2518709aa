import Images
import Platform

/// A picture that a command processes.
struct Picture: Sendable {
    let path: String

    /// The file's name without its extension, from which names of results are formed.
    var stem: String { Path.stem(of: path) }
}

/// The pictures that arguments name, and the files that were passed over.
struct NamedPictures {
    var pictures: [Picture] = []
    /// A sentence for each folder in which files were passed over.
    var passedOver: [String] = []

    /// Collects files and, for folders, the PNG and JPEG files in them; see `PictureFolder`.
    ///
    /// - Parameters:
    ///   - arguments: files and folders.
    ///   - sharingNames: whether pictures may have the same stem, if results are not named after it.
    /// - Throws: `Failure` if a file is missing, a folder contains no picture, or the results of two
    ///   pictures would have the same name.
    init(_ arguments: [String], sharingNames: Bool) throws {
        for argument in arguments { try add(argument) }
        guard !sharingNames else { return }
        var paths: [FileName: String] = [:]
        for picture in pictures {
            if let other = paths.updateValue(picture.path, forKey: FileName(picture.stem)) {
                throw Failure(
                    "the results of \(other) and \(picture.path) would both be named"
                        + " \(picture.stem); run them separately, into two folders")
            }
        }
    }

    private mutating func add(_ argument: String) throws {
        switch FileSystem.kind(of: argument) {
        case nil:
            throw Failure("\(argument) cannot be read: there is no such file or folder")
        case .brokenLink:
            throw Failure("\(argument) cannot be read: it is a broken link")
        case .folder:
            let folder = try PictureFolder(argument, isDeep: false)
            pictures += folder.files.indices.map { Picture(path: folder.path(of: $0)) }
            if let summary = folder.passedOver.summary {
                passedOver.append("ignored in \(argument): \(summary)")
            }
        default: pictures.append(Picture(path: argument))
        }
    }
}
