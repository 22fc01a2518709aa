import Images
import Tensors

/// From a picture to the network's input.
public struct Preprocessing: Hashable, Sendable, Codable {
    /// What the shorter side becomes, in pixels; `nil` keeps the picture's size. The default of the
    /// reference's programs (extractor.py of dino-vit-features): 224.
    public var loadSize: Int?
    /// Mean of each colour channel, in 0…1: ImageNet's, with which the published weights were
    /// trained (main_dino.py).
    public var mean: [Float] = [0.485, 0.456, 0.406]
    /// Standard deviation of each colour channel, likewise.
    public var standardDeviation: [Float] = [0.229, 0.224, 0.225]

    public init(loadSize: Int? = 224) {
        self.loadSize = loadSize
    }

    /// The picture at the network's size: Lanczos resampling, as in extractor.py.
    public func resized(_ image: Image) -> Image {
        guard let loadSize else { return image }
        return image.resized(shorterSide: loadSize, using: .lanczos)
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
