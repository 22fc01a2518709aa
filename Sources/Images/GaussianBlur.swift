import CImages
import Platform

extension Image {
    /// Blurs the picture by approximately a Gaussian with a standard deviation of `radius` pixels, bit-identical to
    /// Pillow's `ImageFilter.GaussianBlur`.
    ///
    /// The filter takes three means over boxes with fractional ends along the rows and three along the columns, each
    /// rounded to 8 bits (Gwosdek et al., "Theoretical foundations of Gaussian convolution by extended box filtering",
    /// 2011). Border pixels are repeated beyond the border.
    ///
    /// - Precondition: `radius` is finite and not negative.
    /// - Complexity: O(pixels * (1 + radius)).
    public mutating func blur(radius: Float) {
        require(
            radius >= 0 && radius.isFinite, "blur: the radius \(radius) is negative or not finite")
        guard radius > 0 else { return }
        let box = CImageBox(deviation: radius)
        let (width, height) = (width, height)
        pixels.withUnsafeMutableBufferPointer { samples in
            let rows = 2 * width * 3 + 12 * (box.radius + 1)
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: samples.count + rows) { room in
                withUnsafeTemporaryAllocation(
                    of: UnsafePointer<UInt8>?.self, capacity: 2 * box.radius + 3
                ) { sources in
                    guard let picture = room.baseAddress else { return }
                    cimage_box_blur(
                        samples.baseAddress, width, height, box,
                        CImageBlurScratch(
                            picture: picture, rows: picture + samples.count,
                            sources: sources.baseAddress))
                }
            }
        }
    }
}

extension CImageBox {
    /// The box that, applied three times, has the variance of a Gaussian. The operations are in Pillow's order and in
    /// float32 like Pillow's.
    fileprivate init(deviation: Float) {
        let variance = deviation * deviation / 3
        // Equation numbers are the paper's: [7] the box's length, [11] the integer part of its radius, [14] the
        // fraction.
        let length = Float((12 * Double(variance) + 1).squareRoot())
        let whole = Float(((Double(length) - 1) / 2).rounded(.down))
        var part = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance)
        part /= 6 * (variance - (whole + 1) * (whole + 1))
        let size = whole + part
        let radius = Int(size)
        let weight = UInt32(0x1p24 / (size * 2 + 1))
        self.init(
            radius: radius, weight: weight,
            ends: ((1 << 24) - UInt32(radius * 2 + 1) * weight) / 2)
    }
}
