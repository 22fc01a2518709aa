import DINO
import Descriptors
import Images
import Tensors

/// A source of descriptors of places and of whole pictures: a network, or a handcrafted baseline.
package protocol Describer: Sendable {
    /// How the descriptors of places are compared.
    var binning: Binning { get }

    /// The descriptors of a grid of cells on the photo.
    func descriptors(of photo: Image) throws -> DescriptorGrid

    /// The features of whole pictures, one row each, and their classes.
    func features(of pictures: LabelledPictures) throws -> (rows: Tensor, labels: [Int])
}
