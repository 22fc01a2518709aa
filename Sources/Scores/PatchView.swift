import DINO
import Descriptors
import Images
import Tensors
import ViT

/// How photos are resized and divided into patches for handcrafted descriptors, as for a network.
package struct PatchView: Sendable, Hashable {
    /// The size that a photo's shorter side is resized to, in pixels.
    package var loadSize: Int
    /// The step between patches in pixels.
    package var stride: Int
    /// The side of a patch in pixels.
    package var patchSize: Int

    /// The defaults are those of the networks' descriptors.
    package init(loadSize: Int = 224, stride: Int = 4, patchSize: Int = 8) {
        self.loadSize = loadSize
        self.stride = stride
        self.patchSize = patchSize
    }

    /// The resized photo and the geometry of its cells.
    func cells(of photo: Image) throws -> (image: Image, cells: DescriptorGrid.Geometry) {
        let image = try Preprocessing(loadSize: loadSize)
            .networkImage(of: photo, for: .small()).image
        return (
            image,
            DescriptorGrid.Geometry(
                imageWidth: image.width, imageHeight: image.height, patchSize: patchSize,
                stride: PatchStride(stride), photoWidth: photo.width, photoHeight: photo.height)
        )
    }
}

/// Computes one row per picture in parallel.
///
/// - Throws: if a picture cannot be read.
func rows(
    of pictures: LabelledPictures, _ row: @Sendable (Image) -> [Float]
) throws -> (rows: Tensor, labels: [Int]) {
    let made = Parallelism.map(count: pictures.paths.count) { index in
        Result { row(try Image(contentsOf: pictures.paths[index])) }
    }
    let rows = try made.map { try $0.get() }
    return (
        Tensor(Array(rows.joined()), shape: [rows.count, rows.first?.count ?? 0]), pictures.labels
    )
}
