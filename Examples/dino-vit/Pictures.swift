import Foundation

/// A picture that a command was given.
struct Picture: Sendable {
    let path: String

    /// The file's name without its extension, after which results are named.
    var stem: String { URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent }

    /// The pictures that arguments name: a file stands for itself, a folder for the PNG and JPEG
    /// files in it, told by their extensions and sorted by name; hidden files and folders in it
    /// are passed over.
    ///
    /// - Throws: `Failure` where there is no such file, a folder holds no picture, or the results
    ///   of two pictures would have the same name.
    static func all(_ arguments: [String]) throws -> [Picture] {
        let pictures = try arguments.flatMap(Picture.named)
        var paths: [String: String] = [:]
        for picture in pictures {
            if let other = paths.updateValue(picture.path, forKey: picture.stem) {
                throw Failure(
                    "\(other) and \(picture.path) would both give results named"
                        + " \(picture.stem); run them apart, into two folders")
            }
        }
        return pictures
    }

    private static func named(_ argument: String) throws -> [Picture] {
        guard FileManager.default.fileExists(atPath: argument) else {
            throw Failure("\(argument) cannot be read: there is no such file or folder")
        }
        guard isFolder(argument) else { return [Picture(path: argument)] }
        let pictures = try pictures(in: argument)
        guard !pictures.isEmpty else {
            throw Failure("the folder \(argument) holds no .png, .jpg or .jpeg file")
        }
        return pictures
    }

    /// The pictures in a folder, sorted by name; see `all`.
    static func pictures(in folder: String) throws -> [Picture] {
        let start = folder.hasSuffix("/") ? folder : folder + "/"
        return try names(in: folder).compactMap { name in
            let dot = name.lastIndex(of: ".") ?? name.startIndex
            guard dot > name.startIndex, !name.hasPrefix("."),
                ["png", "jpg", "jpeg"].contains(name[dot...].dropFirst().lowercased()),
                FileManager.default.fileExists(atPath: start + name), !isFolder(start + name)
            else { return nil }
            return Picture(path: start + name)
        }
    }

    /// The names of what is in a folder, sorted.
    static func names(in folder: String) throws -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        } catch {
            throw Failure("the folder \(folder) cannot be read")
        }
    }

    static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            && isFolder.boolValue
    }
}
