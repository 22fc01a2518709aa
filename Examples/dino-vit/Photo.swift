import Descriptors
import Images
import ViT

/// Why one picture has no result, in one sentence; the other pictures are still processed.
struct PictureFailure: Error, CustomStringConvertible {
    let description: String

    init(_ sentence: String) {
        description = sentence
    }
}

/// A decoded picture at the sizes that are needed; the original, which may be large, is not kept.
struct Photo: Sendable {
    let path: String
    let input: NetworkImage
    /// The picture that results are drawn on; nil if none are.
    let display: Image?

    /// Reads and resizes a PNG or JPEG file.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - preprocessing: resizing for the network.
    ///   - network: the network's configuration.
    ///   - displaySize: maps the original's width and height to the size that results are drawn at.
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
        display = displaySize.map { original.display($0) }
    }
}

/// Adds the picture's path to errors that concern only this picture.
func naming<Result>(
    _ path: String, _ extraction: () throws(ExtractionError) -> Result
) throws -> Result {
    do {
        return try extraction()
    } catch {
        switch error {
        case .imageTooSmall, .tooManyPatches, .preprocessing, .notFinite:
            throw PictureFailure("\(path): \(error)")
        case .noSuchLayer, .noSuchHead, .noDescriptors, .noSaliencyHeads, .badStride,
            .networkMismatch, .cancelled:
            throw error
        }
    }
}
