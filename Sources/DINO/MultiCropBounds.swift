import Tensors

extension MultiCrop: Bounded {
    /// The ranges of valid values.
    package enum Bounds {
        /// At most the size of a screen: 200 MB of float32.
        package static let side = Bound("side of a crop", 1...4096)
        /// The reference has 8; the total memory of the crops is checked separately.
        package static let localCount = Bound("number of small crops", 0...1000)
        /// From less than a pixel of most pictures to the whole picture.
        package static let scale = Bound("share of a picture's area", 1e-6...1)
        /// The time of a blur is proportional to its radius.
        package static let blurRadius = Bound("blur radius", 0.0...100)
        package static let probability = Bound("probability", 0.0...1)
        /// Channels lie in 0...1.
        package static let mean = Bound("mean of a channel", Float(0)...1)
        /// The lower limit is a quarter of one of 255 levels.
        package static let standardDeviation = Bound(
            "standard deviation of a channel", Float(0.001)...1)
    }

    /// A message about the first invalid value; nil if all are valid.
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

    /// The size of one picture's crops in bytes. Cannot overflow if every value is within its bounds.
    var bytesPerPicture: Int {
        (2 * globalSide * globalSide + localCount * localSide * localSide) * 3
            * MemoryLayout<Float>.size
    }
}

extension MultiCrop.ColourJitter: Bounded {
    /// The ranges of valid values.
    package enum Bounds {
        /// Colours end at 255: at the limit all but the darkest become white.
        package static let strength = Bound("colour jitter", 0.0...255)
        /// Half a turn in either direction covers the whole circle.
        package static let hue = Bound("hue jitter", 0...0.5)
    }

    /// A message about the first value that is out of bounds; nil if all are valid.
    public var fault: String? {
        firstFault(
            MultiCrop.Bounds.probability.fault(probability), Bounds.strength.fault(brightness),
            Bounds.strength.fault(contrast), Bounds.strength.fault(saturation),
            Bounds.hue.fault(hue))
    }
}
