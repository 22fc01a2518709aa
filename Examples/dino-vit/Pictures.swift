import Images
import Platform

/// A picture that a command was given.
struct Picture: Sendable {
    let path: String

    /// The file's name without its extension, after which results are named.
    var stem: String { Path.stem(of: path) }
}

/// The pictures that arguments name, and what looked like one and is none.
struct NamedPictures {
    var pictures: [Picture] = []
    /// Of each folder, what was passed over in it, in words.
    var passedOver: [String] = []

    /// A file stands for itself, a folder for the PNG and JPEG files in it: see `PictureFolder`.
    ///
    /// - Parameter sharingNames: whether pictures may have the same stem, since no result is named
    ///   after it.
    /// - Throws: `Failure` where there is no such file, a folder holds no picture, or the results
    ///   of two pictures would have the same name.
    init(_ arguments: [String], sharingNames: Bool) throws {
        for argument in arguments { try add(argument) }
        guard !sharingNames else { return }
        var paths: [String: String] = [:]
        for picture in pictures {
            if let other = paths.updateValue(picture.path, forKey: picture.stem) {
                throw Failure(
                    "\(other) and \(picture.path) would both give results named"
                        + " \(picture.stem); run them apart, into two folders")
            }
        }
    }

    private mutating func add(_ argument: String) throws {
        switch FileSystem.kind(of: argument) {
        case nil:
            throw Failure("\(argument) cannot be read: there is no such file or folder")
        case .brokenLink:
            throw Failure("\(argument) cannot be read: it is a link that leads nowhere")
        case .folder:
            let folder = try PictureFolder(argument, isDeep: false)
            pictures += folder.files.indices.map { Picture(path: folder.path(of: $0)) }
            if let summary = folder.passedOver.summary {
                passedOver.append("passed over in \(argument): \(summary)")
            }
        default: pictures.append(Picture(path: argument))
        }
    }
}
