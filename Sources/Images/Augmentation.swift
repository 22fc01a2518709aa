import CImages
import Platform

// Colour changes with the arithmetic of Pillow's `ImageEnhance`, `ImageOps` and colour conversions, as torchvision 0.29
// applies them to pictures: bit-identical. What training chooses at random is an argument here.
extension Image {
    /// Changes the brightness: interpolates between black (factor 0) and the picture (1), or extrapolates beyond it.
    ///
    /// torchvision's `adjust_brightness`; levels are truncated.
    ///
    /// - Precondition: `factor` is finite and not negative.
    /// - Complexity: O(pixels).
    public mutating func adjustBrightness(by factor: Float) {
        check(factor, "adjustBrightness")
        withPixels { cimage_blend_with_level($0, $1, factor, 0) }
    }

    /// Changes the contrast: interpolates between the picture's mean luminance (factor 0) and the picture (1), or
    /// extrapolates beyond it.
    ///
    /// torchvision's `adjust_contrast`. The mean is that of 8-bit luminances, rounded to a level.
    ///
    /// - Precondition: `factor` is finite and not negative.
    /// - Complexity: O(pixels).
    public mutating func adjustContrast(by factor: Float) {
        check(factor, "adjustContrast")
        withPixels { pixels, count in
            let mean = Double(cimage_luminance_sum(pixels, count)) / Double(count)
            cimage_blend_with_level(pixels, count, factor, UInt8(mean + 0.5))
        }
    }

    /// Changes the saturation: interpolates between each pixel's luminance (factor 0) and the picture (1), or
    /// extrapolates beyond it.
    ///
    /// torchvision's `adjust_saturation`; luminance as in ``convertToGrayscale()``.
    ///
    /// - Precondition: `factor` is finite and not negative.
    /// - Complexity: O(pixels).
    public mutating func adjustSaturation(by factor: Float) {
        check(factor, "adjustSaturation")
        withPixels { cimage_blend_with_luminance($0, $1, factor) }
    }

    /// Shifts all hues by a fraction of the colour circle.
    ///
    /// torchvision's `adjust_hue`: hue, saturation and value are rounded to 8 bits in between, so that even a shift by
    /// 0 changes colours a little; the shift is truncated to a whole number of 255ths.
    ///
    /// - Precondition: `turn` lies in -0.5...0.5.
    /// - Complexity: O(pixels).
    public mutating func adjustHue(by turn: Double) {
        require(abs(turn) <= 0.5, "adjustHue: \(turn) is not in -0.5...0.5")
        withPixels { cimage_turn_hue($0, $1, UInt8(truncatingIfNeeded: Int(turn * 255))) }
    }

    /// Replaces each pixel by its luminance, (19595 red + 38470 green + 7471 blue) / 65536, rounded
    /// (ITU-R 601-2; Pillow's conversion to "L").
    ///
    /// - Complexity: O(pixels).
    public mutating func convertToGrayscale() {
        withPixels { cimage_blend_with_luminance($0, $1, 0) }
    }

    /// Inverts all samples of 128 or more: `ImageOps.solarize` with its default threshold.
    ///
    /// - Complexity: O(pixels).
    public mutating func solarize() {
        withPixels { cimage_solarize($0, $1) }
    }

    /// The picture with left and right exchanged.
    ///
    /// - Complexity: O(pixels).
    public func mirrored() -> Image {
        let whole = Box(x: 0, y: 0, width: width, height: height)
        return resizedCrop(whole, width: width, height: height, using: .nearest, mirrored: true)
    }

    /// Writes the picture channel by channel, each sample as (sample / 255 - mean) / deviation: torchvision's
    /// `ToTensor` and `Normalize`, in the same float32 arithmetic.
    ///
    /// - Parameters:
    ///   - result: memory for `3 * height * width` numbers, `[3, height, width]`.
    ///   - mean: the mean of each channel, in 0...1.
    ///   - deviation: the standard deviation of each channel, in 0...1.
    package func writeNormalized(
        to result: UnsafeMutablePointer<Float>, mean: [Float], deviation: [Float]
    ) {
        require(
            mean.count == 3 && deviation.count == 3,
            "writeNormalized: \(mean.count) means and \(deviation.count) deviations of 3 channels")
        pixels.withUnsafeBufferPointer {
            cimage_normalize($0.baseAddress, width * height, mean, deviation, result)
        }
    }

    private mutating func withPixels(_ body: (UnsafeMutablePointer<UInt8>, Int) -> Void) {
        let count = width * height
        pixels.withUnsafeMutableBufferPointer { samples in
            if let first = samples.baseAddress { body(first, count) }
        }
    }

    private func check(_ factor: Float, _ operation: String) {
        require(
            factor >= 0 && factor.isFinite,
            "\(operation): the factor \(factor) is negative or not finite")
    }
}
