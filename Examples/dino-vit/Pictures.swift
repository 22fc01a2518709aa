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
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: argument, isDirectory: &isFolder) else {
            throw Failure("\(argument) cannot be read: there is no such file or folder")
        }
        guard isFolder.boolValue else { return [Picture(path: argument)] }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: argument)
        } catch {
            throw Failure("the folder \(argument) cannot be read")
        }
        let folder = argument.hasSuffix("/") ? argument : argument + "/"
        let pictures = names.sorted().compactMap { name -> Picture? in
            let dot = name.lastIndex(of: ".") ?? name.startIndex
            guard dot > name.startIndex, !name.hasPrefix("."),
                ["png", "jpg", "jpeg"].contains(name[dot...].dropFirst().lowercased()),
                FileManager.default.fileExists(atPath: folder + name, isDirectory: &isFolder),
                !isFolder.boolValue
            else { return nil }
            return Picture(path: folder + name)
        }
        guard !pictures.isEmpty else {
            throw Failure("the folder \(argument) holds no .png, .jpg or .jpeg file")
        }
        return pictures
    }
}
