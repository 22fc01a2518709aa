import Images
import Tensors

/// A picture at the network's input size, with the size of the original photo.
public struct NetworkImage: Hashable, Sendable {
    /// The picture at the network's input size.
    public let image: Image
    /// The width of the original photo in pixels.
    public let photoWidth: Int
    /// The height of the original photo in pixels.
    public let photoHeight: Int
}

/// Why a picture cannot be resized for a network; the `description` is one sentence.
public enum PreprocessingError: Error, Hashable, Sendable {
    /// The picture is so elongated that it would become too large with its shorter side at the load size.
    case tooLong(width: Int, height: Int, loadSize: Int)
    /// The load size is not positive.
    case loadSize(Int)
}

extension PreprocessingError: CustomStringConvertible {
    /// The reason, as one sentence.
    public var description: String {
        switch self {
        case .tooLong(let width, let height, let loadSize):
            "a picture of \(width)x\(height) pixels would have more than"
                + " \(Preprocessing.maximumPixelCount) at load size \(loadSize)"
        case .loadSize(let loadSize):
            "a load size of \(loadSize) pixels is not positive"
        }
    }
}

/// The colour normalisation that a network was trained with: the mean and standard deviation of each channel, for
/// values in 0…1.
public struct Normalization: Hashable, Sendable, Codable {
    /// The mean of each channel: red, green, blue.
    public var mean: [Float]
    /// The standard deviation of each channel.
    public var standardDeviation: [Float]

    /// Creates a normalisation from the mean and standard deviation of each channel.
    public init(mean: [Float], standardDeviation: [Float]) {
        self.mean = mean
        self.standardDeviation = standardDeviation
    }

    /// ImageNet's values, which most published networks were trained with (main_dino.py).
    public static let imageNet = Normalization(
        mean: [0.485, 0.456, 0.406], standardDeviation: [0.229, 0.224, 0.225])
    /// The values of DINOv3's networks for satellite images (SAT-493M).
    public static let satellite = Normalization(
        mean: [0.430, 0.411, 0.296], standardDeviation: [0.213, 0.156, 0.143])
}

/// How a picture is converted to a network's input.
public struct Preprocessing: Hashable, Sendable, Codable {
    /// The length of the shorter side after resizing, in pixels; nil keeps the picture's size. The default, 224, is
    /// that of the reference programs (extractor.py of dino-vit-features).
    public var loadSize: Int?
    /// The resampling filter: Lanczos, as in extractor.py.
    public var filter = Filter.lanczos
    /// Overrides the network's own colour normalisation.
    public var normalization: Normalization?

    /// Creates preprocessing options.
    ///
    /// - Parameters:
    ///   - loadSize: the length of the shorter side in pixels; nil keeps the picture's size.
    ///   - filter: the resampling filter.
    ///   - normalization: overrides the network's own colour normalisation.
    public init(
        loadSize: Int? = 224, filter: Filter = .lanczos, normalization: Normalization? = nil
    ) {
        self.loadSize = loadSize
        self.filter = filter
        self.normalization = normalization
    }

    /// Valid load sizes: at 4096 pixels, one per pixel of a large screen, a square has 262,144 patches of 8.
    package static let loadSizes = Bound("load size", 1...4096)

    /// The most pixels that a picture may be enlarged to, so that memory stays in proportion to the photo.
    package static let maximumPixelCount = 1 << 25

    /// Resizes a photo for a network.
    ///
    /// - Parameters:
    ///   - photo: the original picture.
    ///   - network: the load size is adapted to it; see `Configuration.fitted(loadSize:)`.
    /// - Throws: `PreprocessingError`, also if the result would have too many pixels.
    public func networkImage(
        of photo: Image, for network: VisionTransformer.Configuration
    ) throws(PreprocessingError) -> NetworkImage {
        var image = photo
        if let loadSize, loadSize < 1 { throw .loadSize(loadSize) }
        if let loadSize = loadSize.map(network.fitted(loadSize:)) {
            // In floating point, where no load size overflows.
            let short = Double(min(photo.width, photo.height))
            let long = Double(max(photo.width, photo.height))
            let pixels = Double(loadSize) * Double(loadSize) * long / short
            guard pixels <= max(Double(Self.maximumPixelCount), short * long) else {
                throw .tooLong(width: photo.width, height: photo.height, loadSize: loadSize)
            }
            image = photo.resized(shorterSide: loadSize, using: filter)
        }
        return NetworkImage(image: image, photoWidth: photo.width, photoHeight: photo.height)
    }

    /// The normalised pixels of a picture, which is not resized: `[3, height, width]`.
    ///
    /// - Parameters:
    ///   - image: the picture, at the network's input size.
    ///   - network: supplies the normalisation unless `normalization` is set.
    public func tensor(of image: Image, for network: VisionTransformer.Configuration) -> Tensor {
        let normalization = normalization ?? network.normalization
        let (mean, deviation) = (normalization.mean, normalization.standardDeviation)
        // A table of the 256 levels, computed as torchvision's ToTensor and Normalize do.
        let levels = zip(mean, deviation).map { mean, deviation in
            (0..<256).map { (Float($0) / 255 - mean) / deviation }
        }
        let count = image.width * image.height
        return Tensor(shape: [3, image.height, image.width]) { elements in
            image.pixels.withUnsafeBufferPointer { pixels in
                for channel in 0..<3 {
                    levels[channel].withUnsafeBufferPointer { level in
                        for i in 0..<count {
                            elements[channel * count + i] = level[Int(pixels[3 * i + channel])]
                        }
                    }
                }
            }
        }
    }
}

extension VisionTransformer.Configuration {
    /// The length that a picture's shorter side gets for a requested load size: the load size itself for DINO's
    /// networks, the greatest multiple of the patch size at or below it for those of DINOv2 and DINOv3. (Along the
    /// longer side, pixels past the last whole patch are ignored.)
    public func fitted(loadSize: Int) -> Int {
        isOfDINO ? loadSize : max(1, loadSize / patchSize) * patchSize
    }
}
