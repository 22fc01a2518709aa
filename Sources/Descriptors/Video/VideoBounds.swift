import Tensors
import ViT

extension MaskPropagation.Options: Bounded {
    package enum Bounds {
        /// The features of each are kept: at 480 pixels of a ViT-S/8 12 MB.
        package static let previousFrames = Bound("previous frames", 0...1000)
        /// Beyond the widest grid; no more is looked at than there is.
        package static let reach = Bound("reach", 0...4096)
        /// A sorted list is kept for each cell, of no more than it is compared with.
        package static let neighbours = Bound("neighbours", 1...1024)
        /// Similarities lie in -1...1.
        package static let temperature = Bound("temperature of the masks", Float(1e-4)...1e3)
    }

    public var fault: String? {
        firstFault(
            Bounds.previousFrames.fault(previousFrames), Bounds.reach.fault(reach),
            Bounds.neighbours.fault(neighbours), Bounds.temperature.fault(temperature))
    }
}

extension VideoSegmenter.Options: Bounded {
    /// A patch at least.
    package static let shorterSides = Bound(
        "shorter side of a frame", 8...Preprocessing.loadSizes.range.upperBound)

    public var fault: String? { Self.shorterSides.fault(shorterSide) ?? propagation.fault }
}
