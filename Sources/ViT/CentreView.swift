import Images
import Platform
import Tensors

/// The view of a picture that a network is evaluated on (eval_knn.py and eval_linear.py): the shorter side is
/// resized to a given length, bicubic, then a centred square is cropped.
public struct CentreView: Hashable, Sendable, Codable {
    /// The length of the shorter side after resizing, in pixels: 256 in the reference.
    public let loadSize: Int
    /// The side of the square in pixels: 224 in the reference.
    public let cropSize: Int

    /// Creates a view.
    ///
    /// - Parameters:
    ///   - loadSize: the length of the shorter side after resizing, in pixels.
    ///   - cropSize: the side of the square; by default seven eighths of `loadSize`, the reference's ratio.
    /// - Precondition: `cropSize` is from 1 to `loadSize`.
    public init(loadSize: Int = 256, cropSize: Int? = nil) {
        let cropSize = cropSize ?? max(1, loadSize * 7 / 8)
        require(
            1 <= cropSize && cropSize <= loadSize,
            "CentreView: a crop of \(cropSize) pixels out of \(loadSize)")
        self.loadSize = loadSize
        self.cropSize = cropSize
    }

    /// Converts a picture to the network's input, `[3, cropSize, cropSize]`.
    ///
    /// - Parameters:
    ///   - photo: the picture.
    ///   - network: supplies the colour normalisation.
    ///   - normalization: overrides the network's.
    /// - Throws: `PreprocessingError` if the picture is so elongated that it would become too large.
    /// - Complexity: O(pixels of the picture).
    public func tensor(
        of photo: Image, for network: VisionTransformer.Configuration,
        normalization: Normalization? = nil
    ) throws(PreprocessingError) -> Tensor {
        // Independent of the patch size: the patches divide the crop, not the resized picture.
        let image = try Preprocessing(loadSize: loadSize, filter: .bicubic)
            .networkImage(of: photo, for: .small()).image
        // torchvision's CenterCrop rounds half to even.
        func start(_ extent: Int) -> Int {
            Int((Double(extent - cropSize) / 2).rounded(.toNearestOrEven))
        }
        let square = Box(
            x: start(image.width), y: start(image.height), width: cropSize, height: cropSize)
        return Preprocessing(normalization: normalization).tensor(
            of: image.cropped(to: square), for: network)
    }
}

extension CentreView: Bounded {
    /// A message about the first invalid size; nil if both are valid.
    public var fault: String? {
        if let fault = Preprocessing.loadSizes.fault(loadSize) { return fault }
        return 1...loadSize ~= cropSize
            ? nil : "a crop of \(cropSize) pixels is not from 1 to the load size, \(loadSize)"
    }
}
