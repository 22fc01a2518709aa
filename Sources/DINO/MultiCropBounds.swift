import Tensors

extension MultiCrop: Bounded {
    package enum Bounds {
        /// A crop is as large as a screen at the most: 200 MB of float32.
        package static let side = Bound("side of a crop", 1...4096)
        /// The reference has 8; the crops' memory is checked as a whole.
        package static let localCount = Bound("small crops", 0...1000)
        /// Less than a pixel of most pictures, up to all of them.
        package static let scale = Bound("part of a picture's area", 1e-6...1)
        /// A blur takes time in proportion to its radius.
        package static let blurRadius = Bound("blur radius", 0.0...100)
        package static let probability = Bound("probability", 0.0...1)
        /// Channels lie in 0...1.
        package static let mean = Bound("mean of a channel", Float(0)...1)
        /// From a quarter of a level of 255.
        package static let standardDeviation = Bound(
            "standard deviation of a channel", Float(0.001)...1)
    }

    public var fault: String? {
        for (values, name) in [(mean, "means"), (standardDeviation, "standard deviations")]
        where values.count != 3 {
            return "\(values.count) \(name) do not fit 3 channels"
        }
        let finishes = [firstGlobal, secondGlobal, local]
        let probabilities =
            [mirroring, grayscale] + finishes.flatMap { [$0.blur, $0.solarization] }
        return firstFault(
            Bounds.side.fault(globalSide), Bounds.side.fault(localSide),
            Bounds.localCount.fault(localCount), Bounds.scale.fault(globalScale),
            Bounds.scale.fault(localScale), Bounds.blurRadius.fault(blurRadius), jitter.fault,
            probabilities.lazy.compactMap { Bounds.probability.fault($0) }.first,
            mean.lazy.compactMap { Bounds.mean.fault($0) }.first,
            standardDeviation.lazy.compactMap { Bounds.standardDeviation.fault($0) }.first)
    }

    /// Bytes of the crops of one picture. Nothing overflows where each value is within its bound.
    var bytesPerPicture: Int {
        (2 * globalSide * globalSide + localCount * localSide * localSide) * 3
            * MemoryLayout<Float>.size
    }
}

extension MultiCrop.ColourJitter: Bounded {
    package enum Bounds {
        /// Colours end at 255: at the most all but the darkest are white.
        package static let strength = Bound("colour jitter", 0.0...255)
        /// Half of the circle either way is all of it.
        package static let hue = Bound("jitter of the hue", 0...0.5)
    }

    public var fault: String? {
        firstFault(
            MultiCrop.Bounds.probability.fault(probability), Bounds.strength.fault(brightness),
            Bounds.strength.fault(contrast), Bounds.strength.fault(saturation),
            Bounds.hue.fault(hue))
    }
}
