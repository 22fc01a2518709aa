import Images
import Platform
import Tensors
import ViT

/// Dense features of a folder's pictures, as any program wrote them: for each picture an npy file
/// `[rows, columns, channels]`, float16 or float32, of the whole picture, which stands at the picture's path
/// within the folder with `.npy` behind it.
///
/// Beside them there may be a folder of saliency, `[rows, columns]` a picture, under the same names: how much each
/// place is to be looked at, in numbers of any scale that are not negative.
public struct TeacherMaps: Sendable {
    public let pictures: PictureFolder
    public let folder: String
    public let saliencyFolder: String?
    /// Of the vectors.
    public let channels: Int

    /// Checks that each picture has its map. Complexity: O(pictures), of whose files the headers are read.
    ///
    /// - Throws: ``TeacherMapError``, naming the first file that is missing or is no such map.
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

    /// Writes what the maps give for a crop: the features `[cells, channels]`, the saliency `[cells]`.
    struct Crop {
        var part: (x: ClosedRange<Double>, y: ClosedRange<Double>)
        var isMirrored: Bool
        var grid: PatchGrid
        var features: UnsafeMutablePointer<Float>
        var saliency: UnsafeMutablePointer<Float>?
    }

    /// Writes what a picture's maps give for crops of it.
    ///
    /// - Parameter size: the picture's, in pixels.
    /// - Throws: where a file cannot be read, holds a number that is not finite or, as saliency, negative, or has
    ///   another shape than the picture.
    func write(
        picture index: Int, size: (width: Int, height: Int), crops: [Crop]
    ) throws(TeacherMapError) {
        let name = pictures.files[index]
        let map = try read(Self.path(of: name, in: folder), rank: 3, size)
        var saliency: Tensor?
        if let saliencyFolder {
            let path = Self.path(of: name, in: saliencyFolder)
            let values = try read(path, rank: 2, size)
            if values.withUnsafeElements({ $0.contains { $0 < 0 } }) {
                throw .values(path: path, reason: "a negative saliency")
            }
            saliency = values
        }
        for crop in crops {
            func sample(_ map: Tensor, _ channels: Int, _ target: UnsafeMutablePointer<Float>?) {
                guard let target else { return }
                let sampling = MapSampling(
                    from: PatchGrid(rows: map.shape[0], columns: map.shape[1]), to: crop.grid,
                    part: crop.part, isMirrored: crop.isMirrored)
                map.withUnsafeElements { sampling.sample($0, channels: channels, into: target) }
            }
            sample(map, channels, crop.features)
            if let saliency { sample(saliency, 1, crop.saliency) }
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
        // Sides may have been brought to a multiple of some step, of a cell or two.
        let (rows, columns) = (shape[0], shape[1])
        guard abs(rows * size.width - columns * size.height) <= 2 * (size.width + size.height)
        else {
            throw .form(
                path: path, found: shape,
                expected: "rows and columns as \(size.height) to \(size.width), the picture's sides"
            )
        }
        do {
            let map = try file.tensor(named: file.names[0])
            guard map.isFinite else {
                throw TeacherMapError.values(path: path, reason: "a number that is not finite")
            }
            return map
        } catch let error as TensorFileError {
            throw .file(error)
        } catch let error as TeacherMapError {
            throw error
        } catch {
            fail("TeacherMaps: \(error)")
        }
    }
}

/// Why a picture has no map to learn from; the `description` is one sentence.
public enum TeacherMapError: Error, Hashable, Sendable, CustomStringConvertible {
    case file(TensorFileError)
    case form(path: String, found: Shape, expected: String)
    case values(path: String, reason: String)

    public var description: String {
        switch self {
        case .file(let error): error.description
        case .form(let path, let found, let expected):
            printable("\(path) is no map of its picture: it is \(found), expected \(expected)")
        case .values(let path, let reason): printable("\(path) holds \(reason)")
        }
    }
}
