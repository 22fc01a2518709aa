import Descriptors
import Images
import Platform
import Tensors
import ViT

extension DescriptorGrid {
    /// Descriptors that another program wrote.
    ///
    /// - Parameters:
    ///   - path: an npy file `[rows, columns, channels]` whose cells divide the whole photo evenly.
    ///   - photo: the photo that they describe.
    /// - Throws: `TensorFileError` if the file cannot be read, `MapError` if its array has another form.
    package init(map path: String, of photo: Image) throws {
        let map = try Tensor(npy: path)
        guard map.shape.rank == 3, map.count > 0 else {
            throw MapError(path: path, shape: map.shape)
        }
        // A grid's cells are whole pixels apart, so the network's image is defined to have one pixel per cell.
        self.init(
            values: map,
            geometry: Geometry(
                imageWidth: map.shape[1], imageHeight: map.shape[0], patchSize: 1,
                stride: PatchStride(1), photoWidth: photo.width, photoHeight: photo.height))
    }
}

/// An npy file that does not contain a map of descriptors.
package struct MapError: Error, CustomStringConvertible {
    var path: String
    var shape: Shape

    package var description: String {
        "\(printable(path)) has shape \(shape), not [rows, columns, channels]"
    }
}
