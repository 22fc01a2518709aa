import Images
import Tensors

/// A picture at the size in which a network sees it, and the size of the photo that it was.
public struct NetworkImage: Hashable, Sendable {
    public let image: Image
    /// The original photo, in pixels.
    public let photoWidth: Int
    public let photoHeight: Int
}

/// Why a picture cannot be brought to a network's size; the `description` is one sentence.
public enum PreprocessingError: Error, Hashable, Sendable {
    /// A strip becomes very long when its shorter side is brought to the load size.
    case tooLong(width: Int, height: Int, loadSize: Int)
}

extension PreprocessingError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooLong(let width, let height, let loadSize):
            "a picture of \(width)x\(height) pixels would have more than"
                + " \(Preprocessing.mostPixels) at load size \(loadSize)"
        }
    }
}

/// What brings colours to the range with which a network was trained: of each channel, in 0…1, its mean and
/// its standard deviation.
public struct Normalization: Hashable, Sendable, Codable {
    public var mean: [Float]
    public var standardDeviation: [Float]

    public init(mean: [Float], standardDeviation: [Float]) {
        self.mean = mean
        self.standardDeviation = standardDeviation
    }

    /// ImageNet's, with which most published networks were trained (main_dino.py).
    public static let imageNet = Normalization(
        mean: [0.485, 0.456, 0.406], standardDeviation: [0.229, 0.224, 0.225])
    /// That of DINOv3's networks for satellite images (SAT-493M).
    public static let satellite = Normalization(
        mean: [0.430, 0.411, 0.296], standardDeviation: [0.213, 0.156, 0.143])
}

/// From a picture to the network's input.
public struct Preprocessing: Hashable, Sendable, Codable {
    /// What the shorter side becomes, in pixels; `nil` keeps the picture's size. The default of the
    /// reference's programs (extractor.py of dino-vit-features): 224.
    public var loadSize: Int?
    /// How the picture is resampled: Lanczos, as in extractor.py.
    public var filter = Filter.lanczos
    /// In place of the network's own.
    public var normalization: Normalization?

    public init(
        loadSize: Int? = 224, filter: Filter = .lanczos, normalization: Normalization? = nil
    ) {
        self.loadSize = loadSize
        self.filter = filter
        self.normalization = normalization
    }

    /// The shorter side, one pixel of a photo for each of a screen's: 4096 pixels are 262,144 patches
    /// of 8.
    package static let loadSizes = Bound("load size", 1...4096)

    /// The most pixels that a picture is enlarged to: memory stays in proportion to the photo.
    static let mostPixels = 1 << 25

    /// The picture at a network's size.
    ///
    /// - Parameter network: what the load size is fitted to; see `Configuration.fitted(loadSize:)`.
    public func networkImage(
        of photo: Image, for network: VisionTransformer.Configuration
    ) throws(PreprocessingError) -> NetworkImage {
        var image = photo
        if let loadSize = loadSize.map(network.fitted(loadSize:)) {
            // In floating point: a person's load size may be of any size.
            let short = Double(min(photo.width, photo.height))
            let long = Double(max(photo.width, photo.height))
            let pixels = Double(loadSize) * Double(loadSize) * long / short
            guard pixels <= max(Double(Self.mostPixels), short * long) else {
                throw .tooLong(width: photo.width, height: photo.height, loadSize: loadSize)
            }
            image = photo.resized(shorterSide: loadSize, using: filter)
        }
        return NetworkImage(image: image, photoWidth: photo.width, photoHeight: photo.height)
    }

    /// A picture as it is, channel by channel and normalised: `[3, height, width]`.
    ///
    /// - Parameter network: whose normalisation it is, where there is no other.
    public func tensor(of image: Image, for network: VisionTransformer.Configuration) -> Tensor {
        let normalization = normalization ?? network.normalization
        let (mean, deviation) = (normalization.mean, normalization.standardDeviation)
        // One look-up for each of the 256 levels: torchvision's ToTensor and Normalize.
        let levels = (0..<3).map { channel in
            (0..<256).map { (Float($0) / 255 - mean[channel]) / deviation[channel] }
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
    /// The shorter side that a picture gets where one is asked for: of DINO's networks that one, of DINOv2's and
    /// DINOv3's the greatest multiple of a patch at or below it. (Of the longer side, what is past the last whole
    /// patch is not seen.)
    public func fitted(loadSize: Int) -> Int {
        isOfDINO ? loadSize : max(1, loadSize / patchSize) * patchSize
    }
}
