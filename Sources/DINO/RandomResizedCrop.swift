import Foundation
import Images
import Platform
import Tensors

/// A random part of a picture: torchvision's `RandomResizedCrop`, the choice of the part.
public struct RandomResizedCrop: Sendable, Hashable, Codable {
    /// The part's area as a share of the picture's, drawn evenly. By default torchvision's, which
    /// the linear probe of the reference uses (eval_linear.py).
    public var scale: ClosedRange<Double>
    /// The part's width by its height; its logarithm is drawn evenly. torchvision's default.
    public var aspectRatio = 3.0 / 4...4.0 / 3

    public init(scale: ClosedRange<Double> = 0.08...1) {
        self.scale = scale
    }

    /// Draws a part of a picture of the given size.
    ///
    /// Ten times at most an area and an aspect ratio are drawn; the first part that fits gets a
    /// random place. Where none does, it is the largest part around the centre whose aspect ratio is
    /// allowed.
    ///
    /// - Precondition: `width` and `height` are at least 1.
    public func part(
        ofWidth width: Int, height: Int, using generator: inout some RandomNumberGenerator
    ) -> Box {
        require(width > 0 && height > 0, "RandomResizedCrop: \(width)x\(height) is empty")
        let logarithms = log(aspectRatio.lowerBound)...log(aspectRatio.upperBound)
        for _ in 0..<10 {
            let area = Double(width * height) * generator.nextUniform(in: scale)
            let ratio = exp(generator.nextUniform(in: logarithms))
            // Python's rounding: halves go to the even number.
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
        // At least 1, where a line is narrower than the ratios allow.
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
    /// A number from `range`, each as likely.
    mutating func nextUniform(in range: ClosedRange<Double>) -> Double {
        range.lowerBound + (range.upperBound - range.lowerBound) * nextUniform()
    }
}
