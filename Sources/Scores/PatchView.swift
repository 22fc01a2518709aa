import DINO
import Descriptors
import Images
import Tensors
import ViT

/// How a photo is cut into patches for descriptors made by hand: as for a network.
package struct PatchView: Sendable, Hashable {
    /// What the shorter side of a photo becomes, in pixels.
    package var loadSize: Int
    package var stride: Int
    package var patchSize: Int

    package init(loadSize: Int = 224, stride: Int = 4, patchSize: Int = 8) {
        self.loadSize = loadSize
        self.stride = stride
        self.patchSize = patchSize
    }

    /// The photo at its size for descriptors, and the cells on it.
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

/// A row for each of the pictures that can be read, made by a function that is called in parallel.
func rows(
    of pictures: LabelledPictures, _ row: @Sendable (Image) -> [Float]
) throws -> (rows: Tensor, labels: [Int]) {
    let made = inParallel(pictures.paths.count) { index in
        Result { row(try Image(contentsOf: pictures.paths[index])) }
    }
    let rows = try made.map { try $0.get() }
    return (
        Tensor(Array(rows.joined()), shape: [rows.count, rows.first?.count ?? 0]), pictures.labels
    )
}
