import Images
import Platform
import Tensors
import ViT

/// What a network is shown of a picture when it is evaluated (eval_knn.py and eval_linear.py): the
/// picture with its shorter side brought to a size, bicubic, and of that a square about the centre.
public struct CentreView: Hashable, Sendable, Codable {
    /// What the shorter side becomes, in pixels: 256 in the reference.
    public var loadSize: Int
    /// The square's side, in pixels: 224 in the reference.
    public var cropSize: Int

    /// - Parameter cropSize: seven eighths of `loadSize` unless given, which is the reference's ratio.
    /// - Precondition: `cropSize` is from 1 to `loadSize`.
    public init(loadSize: Int = 256, cropSize: Int? = nil) {
        let cropSize = cropSize ?? max(1, loadSize * 7 / 8)
        require(
            1 <= cropSize && cropSize <= loadSize,
            "CentreView: a crop of \(cropSize) pixels out of \(loadSize)")
        self.loadSize = loadSize
        self.cropSize = cropSize
    }

    /// The input of a network, `[3, cropSize, cropSize]`.
    ///
    /// - Throws: where the picture is a strip that would become very long.
    /// - Complexity: O(pixels of the picture).
    public func tensor(
        of photo: Image, for network: VisionTransformer.Configuration
    ) throws(PreprocessingError) -> Tensor {
        let image = try Preprocessing(loadSize: loadSize, filter: .bicubic)
            .networkImage(of: photo, for: .small()).image
        // torchvision's CenterCrop rounds halves to even.
        func start(_ extent: Int) -> Int {
            Int((Double(extent - cropSize) / 2).rounded(.toNearestOrEven))
        }
        let square = Box(
            x: start(image.width), y: start(image.height), width: cropSize, height: cropSize)
        return Preprocessing().tensor(of: image.cropped(to: square), for: network)
    }
}
