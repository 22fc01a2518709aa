import Images
import Platform
import Tensors
import ViT

/// Precomputed dense features of a folder's pictures, written by any program: for each picture an npy file
/// `[rows, columns, channels]`, float16 or float32, that covers the whole picture. Its path is the picture's path
/// within the folder with `.npy` appended.
///
/// A second folder may hold saliency maps `[rows, columns]` under the same names: the weight of each place, as
/// non-negative numbers of any scale.
public struct TeacherMaps: Sendable {
    /// The pictures.
    public let pictures: PictureFolder
    /// The folder of the features.
    public let folder: String
    /// The folder of the saliency maps; nil if there are none.
    public let saliencyFolder: String?
    /// The number of channels of the features.
    public let channels: Int

    /// Checks that each picture has its map.
    ///
    /// - Parameters:
    ///   - folder: the folder of the features.
    ///   - saliencyFolder: the folder of the saliency maps, if any.
    ///   - pictures: the pictures.
    /// - Throws: ``TeacherMapError``, naming the first file that is missing or invalid.
    /// - Complexity: O(pictures); only the files' headers are read.
    public init(
        _ folder: String, saliency saliencyFolder: String? = nil, of pictures: PictureFolder
    ) throws(TeacherMapError) {
        self.pictures = pictures
        self.folder = folder
        self.saliencyFolder = saliencyFolder
        var channels: Int?
        for picture in pictures.files {
            let path = Self.path(of: picture, in: folder)
            let shape = try Self.file(path, rank: 3).1
            guard channels ?? shape[2] == shape[2] else {
                throw .form(path: path, found: shape, expected: "ROWSxCOLUMNSx\(channels ?? 0)")
            }
            channels = shape[2]
            if let saliencyFolder {
                _ = try Self.file(Self.path(of: picture, in: saliencyFolder), rank: 2)
            }
        }
        self.channels = channels ?? 0
    }

    /// The part of a picture that a crop shows, as shares of width and height, and the crop's grid.
    struct Crop {
        var part: (x: ClosedRange<Double>, y: ClosedRange<Double>)
        var isMirrored: Bool
        var grid: PatchGrid
    }

    /// Resamples a picture's maps to some of its crops.
    ///
    /// - Parameters:
    ///   - size: the picture's size in pixels.
    ///   - features: for each crop, receives its features: `[pictures, cells, channels]`.
    ///   - saliency: likewise its saliency, `[pictures, cells]`, if there are such maps.
    ///   - place: the picture's index in these.
    /// - Throws: if a file cannot be read, contains non-finite numbers or negative saliency, or does not match the
    ///   picture's aspect ratio.
    func write(
        picture index: Int, size: (width: Int, height: Int), crops: [Crop],
        to features: inout [Tensor], _ saliency: inout [Tensor], at place: Int
    ) throws(TeacherMapError) {
        let name = pictures.files[index]
        let map = try read(Self.path(of: name, in: folder), rank: 3, size)
        var weights: Tensor?
        if let saliencyFolder {
            let path = Self.path(of: name, in: saliencyFolder)
            let values = try read(path, rank: 2, size)
            if values.withUnsafeElements({ $0.contains { $0 < 0 } }) {
                throw .values(path: path, reason: "a negative saliency")
            }
            weights = values
        }
        for (number, crop) in crops.enumerated() {
            func sample(_ map: Tensor, _ channels: Int, to target: inout Tensor) {
                let sampling = MapSampling(
                    from: PatchGrid(rows: map.shape[0], columns: map.shape[1]), to: crop.grid,
                    part: crop.part, isMirrored: crop.isMirrored)
                withUnsafePointers(writing: &target) { target in
                    map.withUnsafeElements {
                        sampling.sample(
                            $0, channels: channels,
                            into: target + place * crop.grid.count * channels)
                    }
                }
            }
            sample(map, channels, to: &features[number])
            if let weights { sample(weights, 1, to: &saliency[number]) }
        }
    }

    private static func path(of picture: String, in folder: String) -> String {
        Path.joined(folder, picture + ".npy")
    }

    private static func file(
        _ path: String, rank: Int
    ) throws(TeacherMapError) -> (TensorFile, Shape) {
        let file: TensorFile
        do {
            file = try TensorFile(contentsOf: path)
        } catch {
            throw .file(error)
        }
        guard file.format == .npy, let name = file.names.first, let shape = file.shape(of: name),
            shape.rank == rank, shape.count > 0
        else {
            throw .form(
                path: path, found: file.names.first.flatMap(file.shape(of:)) ?? [],
                expected: rank == 3 ? "ROWSxCOLUMNSxCHANNELS" : "ROWSxCOLUMNS")
        }
        return (file, shape)
    }

    private func read(
        _ path: String, rank: Int, _ size: (width: Int, height: Int)
    ) throws(TeacherMapError) -> Tensor {
        let (file, shape) = try Self.file(path, rank: rank)
        guard rank == 2 || shape[2] == channels else {
            throw .form(path: path, found: shape, expected: "ROWSxCOLUMNSx\(channels)")
        }
        // Sides may have been rounded to a multiple of a cell or two.
        let (rows, columns) = (shape[0], shape[1])
        guard abs(rows * size.width - columns * size.height) <= 2 * (size.width + size.height)
        else {
            throw .form(
                path: path, found: shape,
                expected: "rows to columns as \(size.height) to \(size.width), the picture's sides"
            )
        }
        let map: Tensor
        do {
            map = try file.tensor(named: file.names[0])
        } catch {
            throw .file(error)
        }
        guard map.isFinite else {
            throw .values(path: path, reason: "a number that is not finite")
        }
        return map
    }
}

/// Why a picture's precomputed features cannot be used; the `description` is one sentence.
public enum TeacherMapError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A file cannot be read.
    case file(TensorFileError)
    /// A file's array has the wrong shape.
    case form(path: String, found: Shape, expected: String)
    /// A file contains invalid numbers.
    case values(path: String, reason: String)

    /// The reason, as one sentence.
    public var description: String {
        switch self {
        case .file(let error): error.description
        case .form(let path, let found, let expected):
            printable(
                "\(path) does not match its picture: its shape is \(found), expected \(expected)")
        case .values(let path, let reason): printable("\(path) holds \(reason)")
        }
    }
}
