import Tensors
import ViT

extension MaskPropagation.Options: Bounded {
    package enum Bounds {
        /// The features of each frame are kept: 12 MB for a ViT-S/8 at 480 pixels.
        package static let previousFrames = Bound("previous frames", 0...1000)
        /// The upper limit exceeds the widest grid; a search never leaves the grid.
        package static let reach = Bound("reach", 0...4096)
        /// Each cell has a sorted list of its neighbours.
        package static let neighbours = Bound("neighbours", 1...1024)
        /// Similarities lie in -1...1.
        package static let temperature = Bound("temperature of the masks", Float(1e-4)...1e3)
    }

    /// The first option out of bounds, as a clause; nil if all are valid.
    public var fault: String? {
        firstFault(
            Bounds.previousFrames.fault(previousFrames), Bounds.reach.fault(reach),
            Bounds.neighbours.fault(neighbours), Bounds.temperature.fault(temperature))
    }
}

extension VideoSegmenter.Options: Bounded {
    /// The lower limit is a patch of 8 pixels.
    package static let shorterSides = Bound(
        "shorter side of a frame", 8...Preprocessing.loadSizes.range.upperBound)

    /// The first option out of bounds, as a clause; nil if all are valid.
    public var fault: String? { Self.shorterSides.fault(shorterSide) ?? propagation.fault }
}
