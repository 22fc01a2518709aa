import Foundation
import Images
import Platform
import Tensors

/// The random choice of a part of a picture, as in torchvision's `RandomResizedCrop`.
public struct RandomResizedCrop: Sendable, Hashable, Codable {
    /// The range of the part's area as a share of the picture's, drawn uniformly. The default is torchvision's,
    /// which the reference's linear probe uses (eval_linear.py).
    public var scale: ClosedRange<Double>
    /// The range of the part's width divided by its height; the logarithm is drawn uniformly. The default is
    /// torchvision's.
    public var aspectRatio = 3.0 / 4...4.0 / 3

    /// Creates a crop with torchvision's aspect ratios.
    ///
    /// - Parameter scale: the range of the part's area as a share of the picture's.
    public init(scale: ClosedRange<Double> = 0.08...1) {
        self.scale = scale
    }

    /// Draws a part of a picture of the given size.
    ///
    /// An area and an aspect ratio are drawn up to ten times; the first part that fits is placed at random. If none
    /// fits, the result is the largest centred part with an allowed aspect ratio.
    ///
    /// - Parameters:
    ///   - width: the picture's width in pixels.
    ///   - height: the picture's height in pixels.
    ///   - generator: the source of random numbers.
    /// - Returns: the part in pixels.
    /// - Precondition: `width` and `height` are at least 1.
    public func part(
        ofWidth width: Int, height: Int, using generator: inout some RandomNumberGenerator
    ) -> Box {
        require(width > 0 && height > 0, "RandomResizedCrop: \(width)x\(height) is empty")
        let logarithms = log(aspectRatio.lowerBound)...log(aspectRatio.upperBound)
        for _ in 0..<10 {
            let area = Double(width * height) * generator.nextUniform(in: scale)
            let ratio = exp(generator.nextUniform(in: logarithms))
            // Python's rounding: half to even.
            let w = Int((area * ratio).squareRoot().rounded(.toNearestOrEven))
            let h = Int((area / ratio).squareRoot().rounded(.toNearestOrEven))
            if w > 0, w <= width, h > 0, h <= height {
                let y = generator.nextIndex(below: height - h + 1)
                let x = generator.nextIndex(below: width - w + 1)
                return Box(x: x, y: y, width: w, height: h)
            }
        }
        let ratio = Double(width) / Double(height)
        var part = Box(x: 0, y: 0, width: width, height: height)
        // At least 1, for pictures too narrow for the allowed ratios.
        if ratio < aspectRatio.lowerBound {
            let h = (Double(width) / aspectRatio.lowerBound).rounded(.toNearestOrEven)
            part.height = max(1, Int(h))
        } else if ratio > aspectRatio.upperBound {
            let w = (Double(height) * aspectRatio.upperBound).rounded(.toNearestOrEven)
            part.width = max(1, Int(w))
        }
        part.x = (width - part.width) / 2
        part.y = (height - part.height) / 2
        return part
    }
}

extension RandomNumberGenerator {
    /// A uniform random number from `range`.
    mutating func nextUniform(in range: ClosedRange<Double>) -> Double {
        range.lowerBound + (range.upperBound - range.lowerBound) * nextUniform()
    }
}
