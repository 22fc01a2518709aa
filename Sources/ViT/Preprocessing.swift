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

/// From a picture to the network's input.
public struct Preprocessing: Hashable, Sendable, Codable {
    /// What the shorter side becomes, in pixels; `nil` keeps the picture's size. The default of the
    /// reference's programs (extractor.py of dino-vit-features): 224.
    public var loadSize: Int?
    /// How the picture is resampled: Lanczos, as in extractor.py.
    public var filter = Filter.lanczos
    /// Mean of each colour channel, in 0…1: ImageNet's, with which the published weights were
    /// trained (main_dino.py).
    public var mean: [Float] = [0.485, 0.456, 0.406]
    /// Standard deviation of each colour channel, likewise.
    public var standardDeviation: [Float] = [0.229, 0.224, 0.225]

    public init(loadSize: Int? = 224, filter: Filter = .lanczos) {
        self.loadSize = loadSize
        self.filter = filter
    }

    /// The shorter side, one pixel of a photo for each of a screen's: 4096 pixels are 262,144 patches
    /// of 8.
    package static let loadSizes = Bound("load size", 1...4096)

    /// The most pixels that a picture is enlarged to: memory stays in proportion to the photo.
    static let mostPixels = 1 << 25

    /// The picture at the network's size.
    public func networkImage(of photo: Image) throws(PreprocessingError) -> NetworkImage {
        var image = photo
        if let loadSize {
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
    public func tensor(of image: Image) -> Tensor {
        // One look-up for each of the 256 levels: torchvision's ToTensor and Normalize.
        let levels = (0..<3).map { channel in
            (0..<256).map { (Float($0) / 255 - mean[channel]) / standardDeviation[channel] }
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
