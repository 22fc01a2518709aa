import Images
import Platform
import Tensors

/// Cuts the salient object out of a single picture: saliency says where it is, colours how far it goes.
///
/// The most salient pixels are foreground for certain, some more to begin with, and the picture's margin
/// is background, as objects are mostly photographed whole; from there `GrabCut` decides all but what is
/// certain. Unlike `CoSegmentation` it compares no descriptors, so it is of use where these follow
/// colours that the objects of a set do not share.
public struct SalientObject: Hashable, Sendable, Codable {
    /// The most salient pixels that hold this share of the saliency are certain.
    public var certainShare = 0.1
    /// Those that hold this share are foreground to begin with.
    public var probableShare = 0.4
    /// The margin has this part of the picture's width and height, rounded down to whole pixels; there
    /// even what is salient is background.
    public var margin = 1.0 / 32
    public var refinement = GrabCut()
    /// Seeds GrabCut.
    public var seed: UInt64 = 1234

    public init() {}

    /// The pixels of the object: 1, others 0. None where nothing is salient.
    ///
    /// - Precondition: the saliency is the photo's.
    /// - Complexity: O(pixels log pixels), and the refinement.
    public func mask(of photo: Image, saliency: PixelSaliency) -> LabelMap {
        let (width, height) = (photo.width, photo.height)
        require(
            saliency.width == width && saliency.height == height,
            "SalientObject: saliency of \(saliency.width)x\(saliency.height) pixels for "
                + "\(width)x\(height)")
        let foregrounds = saliency.foregrounds(keeping: [certainShare, probableShare])
        let (certain, probable) = (foregrounds[0], foregrounds[1])
        let across = Int(margin * Double(width))
        let down = Int(margin * Double(height))
        let labels = certain.indices.map { at -> GrabCut.Label in
            let (row, column) = at.quotientAndRemainder(dividingBy: width)
            if min(column, width - 1 - column) < across || min(row, height - 1 - row) < down {
                return .background
            }
            return certain[at]
                ? .foreground : probable[at] ? .probableForeground : .probableBackground
        }
        // The same for each picture.
        var generator = Xoshiro256(seed: seed)
        let cut = refinement.labels(of: photo, from: labels, using: &generator)
        return LabelMap(width: width, height: height, labels: cut.map { $0.isForeground ? 1 : 0 })
    }
}
