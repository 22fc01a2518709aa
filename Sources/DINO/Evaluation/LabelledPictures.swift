import Images

/// The pictures of a folder whose folders are classes.
public struct LabelledPictures: Sendable, Hashable {
    public let folder: String
    /// Names, in ascending order of their bytes.
    public let classes: [String]
    /// The PNG and JPEG files. What lies beside the classes' folders is none of them.
    public let paths: [String]
    /// By picture, the index of its class.
    public let labels: [Int]

    /// - Parameter train: the pictures whose classes these have too; the classes are the folder's own
    ///   unless given. Not all need occur.
    /// - Throws: `EvaluationError` where the folder has no folders with pictures, or one that is none
    ///   of the classes.
    public init(
        _ folder: PictureFolder, classesOf train: LabelledPictures? = nil
    ) throws(EvaluationError) {
        guard !folder.classes.isEmpty else { throw .noClasses(folder: folder.path) }
        let classes = train?.classes ?? folder.classes
        var places: [Int] = []
        for name in folder.classes {
            guard let place = classes.firstIndex(of: name) else {
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
