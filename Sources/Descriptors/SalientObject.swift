import Images
import Platform
import Tensors

/// Cuts the salient object out of a single picture: saliency locates it, colours find its outline.
///
/// The most salient pixels are definite foreground, some more are probable foreground, and the picture's
/// margin is background, as objects are mostly photographed whole; `GrabCut` then decides all pixels that
/// are not definite. Unlike `CoSegmentation` it does not compare descriptors, so it helps where
/// descriptors follow colours that the objects of a set do not share.
public struct SalientObject: Hashable, Sendable, Codable {
    /// The most salient pixels that hold this share of the saliency are definite foreground.
    public var certainShare = 0.1
    /// The most salient pixels that hold this share start as foreground.
    public var probableShare = 0.4
    /// The margin as a fraction of the picture's width and height, rounded down to whole pixels; in it
    /// even salient pixels are background.
    public var margin = 1.0 / 32
    /// The refinement by colours.
    public var refinement = GrabCut()
    /// Seed of GrabCut.
    public var seed: UInt64 = 1234

    /// Options with their defaults.
    public init() {}

    /// Labels the pixels of the object 1, all others 0. No pixel is labelled 1 if nothing is salient.
    ///
    /// - Parameters:
    ///   - photo: the photo at its own size.
    ///   - saliency: the photo's saliency.
    /// - Precondition: the saliency has the photo's width and height.
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
        // A new generator for each picture: the result does not depend on other pictures.
        var generator = Xoshiro256(seed: seed)
        let cut = refinement.labels(of: photo, from: labels, using: &generator)
        return LabelMap(width: width, height: height, labels: cut.map { $0.isForeground ? 1 : 0 })
    }
}
