import Images
import Platform

/// The pictures of a folder with one subfolder per class.
public struct LabelledPictures: Sendable, Hashable {
    /// The folder's path.
    public let folder: String
    /// The names of the classes, in ascending order of their bytes.
    public let classes: [String]
    /// The paths of the PNG and JPEG files in the classes' folders. Files outside these folders are excluded.
    public let paths: [String]
    /// The index of each picture's class.
    public let labels: [Int]

    /// Lists the pictures of a folder.
    ///
    /// - Parameters:
    ///   - folder: the folder, with one subfolder per class.
    ///   - train: training pictures whose classes to use, not all of which need occur; by default the classes are
    ///     the folder's own subfolders.
    /// - Throws: `EvaluationError` if the folder has no subfolders with pictures, or one that is not among the
    ///   classes.
    public init(
        _ folder: PictureFolder, classesOf train: LabelledPictures? = nil
    ) throws(EvaluationError) {
        guard !folder.classes.isEmpty else { throw .noClasses(folder: folder.path) }
        let classes = train?.classes ?? folder.classes
        var places: [Int] = []
        for name in folder.classes {
            guard let place = classes.firstIndex(where: { FileName($0) == FileName(name) }) else {
                throw .unknownClass(name, test: folder.path, train: train?.folder ?? "")
            }
            places.append(place)
        }
        var paths: [String] = []
        var labels: [Int] = []
        for (index, label) in folder.labels.enumerated() {
            guard let label else { continue }
            paths.append(folder.path(of: index))
            labels.append(places[label])
        }
        self.folder = folder.path
        self.classes = classes
        self.paths = paths
        self.labels = labels
    }
}
