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
    /// The original's size in pixels.
    let width: Int
    let height: Int
    /// The picture as the network sees it.
    let input: Image
    /// The picture as results are drawn on it; nil where none are.
    let display: Image?

    /// The most pixels in the network. A thin strip becomes very long when its shorter side is
    /// brought to the load size: memory would not be in proportion to the file.
    private static let mostPixels = 1 << 25

    /// Reads and resizes a PNG or JPEG file.
    ///
    /// - Parameter displaySize: from the original's width and height to the size that is shown.
    init(
        contentsOf path: String, preprocessing: Preprocessing,
        displaySize: ((Int, Int) -> (width: Int, height: Int))? = nil
    ) throws(PictureFailure) {
        let original: Image
        do {
            original = try Image(contentsOf: path)
        } catch {
            throw PictureFailure("\(error)")
        }
        self.path = path
        width = original.width
        height = original.height
        if let loadSize = preprocessing.loadSize {
            let longer = loadSize * max(width, height) / min(width, height)
            guard loadSize * longer <= Photo.mostPixels else {
                throw PictureFailure(
                    "\(path), \(width)x\(height) pixels, would have \(loadSize * longer) at load"
                        + " size \(loadSize); at most \(Photo.mostPixels) are taken")
            }
        }
        input = preprocessing.resized(original)
        display = displaySize.map { size in
            let (width, height) = size(original.width, original.height)
            return original.resized(width: width, height: height, using: .bilinear)
        }
    }
}

extension Extractor {
    /// The most patches of a picture: 170 times those of a square of 224 pixels at stride 4.
    private static let mostPatches = 1 << 19

    /// One pass over a photo.
    ///
    /// - Throws: `ExtractionError`, or `PictureFailure` where the picture's size is at fault.
    func features(
        of photo: Photo, at taps: [FeatureTap]
    ) throws -> (features: Features, geometry: DescriptorGrid.Geometry) {
        let input = photo.input
        let patchSize = model.configuration.patchSize
        if min(input.width, input.height) >= patchSize {
            let grid = model.grid(height: input.height, width: input.width, stride: stride)
            guard grid.count <= Extractor.mostPatches else {
                throw PictureFailure(
                    "\(photo.path) makes \(grid.count) patches at this stride and load size; at"
                        + " most \(Extractor.mostPatches) are taken")
            }
        }
        var unresized = self
        unresized.preprocessing.loadSize = nil
        do {
            var (features, geometry) = try unresized.features(of: input, at: taps)
            geometry.photoWidth = photo.width
            geometry.photoHeight = photo.height
            return (features, geometry)
        } catch {
            guard case .imageTooSmall = error else { throw error }
            throw PictureFailure("\(photo.path): \(error)")
        }
    }
}
