import DINO
import Descriptors
import Images
import Tensors

/// What makes descriptors of places and of whole pictures: a network, or a baseline made by hand.
package protocol Describer: Sendable {
    /// How the descriptors of places are compared.
    var binning: Binning { get }

    /// A descriptor for each cell of a grid over the photo.
    func descriptors(of photo: Image) throws -> DescriptorGrid

    /// A row for each picture, and its class.
    func features(of pictures: LabelledPictures) throws -> (rows: Tensor, labels: [Int])
}
