import Descriptors
import Images
import ViT

/// Why one picture gives no result, in one sentence; others may.
struct PictureFailure: Error, CustomStringConvertible {
    let description: String

    init(_ sentence: String) {
        description = sentence
    }
}

/// A decoded picture in the sizes that are needed of it; the original, which may be large, is gone.
struct Photo: Sendable {
    let path: String
    let input: NetworkImage
    /// The picture as results are drawn on it; nil where none are.
    let display: Image?

    /// Reads and resizes a PNG or JPEG file.
    ///
    /// - Parameters:
    ///   - network: that it is for.
    ///   - displaySize: from the original's width and height to the size that is shown.
    init(
        contentsOf path: String, preprocessing: Preprocessing,
        for network: VisionTransformer.Configuration,
        displaySize: ((Int, Int) -> (width: Int, height: Int))? = nil
    ) throws(PictureFailure) {
        self.path = path
        let original: Image
        do {
            original = try Image(contentsOf: path)
        } catch {
            throw PictureFailure("\(error)")
        }
        do {
            input = try preprocessing.networkImage(of: original, for: network)
        } catch {
            throw PictureFailure("\(path): \(error)")
        }
        display = displaySize.map { size in
            let (width, height) = size(original.width, original.height)
            return original.resized(width: width, height: height, using: .bilinear)
        }
    }
}

/// Names the picture in what its size made impossible.
func naming<Result>(
    _ photo: Photo, _ extraction: () throws(ExtractionError) -> Result
) throws -> Result {
    try naming(photo.path, extraction)
}

func naming<Result>(
    _ path: String, _ extraction: () throws(ExtractionError) -> Result
) throws -> Result {
    do {
        return try extraction()
    } catch {
        switch error {
        case .imageTooSmall, .tooManyPatches, .preprocessing, .notFinite:
            throw PictureFailure("\(path): \(error)")
        case .noSuchLayer, .noSuchHead, .badStride, .otherNetwork:
            throw error
        }
    }
}
