import Foundation
import Platform
import Tensors
import ViT

/// Propagates the masks of a video's first frame through the others by the similarity of features
/// (facebookresearch/dino, eval_video_segmentation.py, `label_propagation`).
///
/// A cell's mask is the mean of the masks of its most similar cells in the first and the previous
/// frames, within a window around its place, weighted by `exp(similarity / temperature)`. Frames are
/// passed in order; the features of at most `previousFrames + 2` frames are in memory.
public struct MaskPropagation: Sendable {
    /// How masks are propagated. The defaults are the reference's.
    public struct Options: Hashable, Sendable, Codable {
        /// The number of previous frames compared with a frame, in addition to the first.
        public var previousFrames = 7
        /// The maximum distance in rows and in columns, in cells, between a cell and its neighbours.
        public var reach = 12
        /// The number of similar cells whose masks are averaged.
        public var neighbours = 5
        /// The divisor of similarities in the softmax.
        public var temperature: Float = 0.1

        /// Options with their defaults.
        public init() {}
    }

    private struct Frame: Sendable {
        /// `[cells, channels]`, rows of length 1.
        var features: Tensor
        /// `[cells, classes]`.
        var masks: Tensor
    }

    /// How masks are propagated.
    public let options: Options
    private let grid: PatchGrid
    private let first: Frame
    private var previous: [Frame] = []

    /// Starts at the first frame.
    ///
    /// - Parameters:
    ///   - features: the first frame's features, `[rows, columns, channels]`.
    ///   - masks: the share of each class in each cell of the first frame, `[rows, columns, classes]`.
    ///   - options: how masks are propagated.
    /// - Precondition: both have the same rows and columns and no dimension is 0; the options are within
    ///   their bounds.
    public init(features: Tensor, masks: Tensor, options: Options = Options()) {
        require(
            features.shape.rank == 3 && masks.shape.rank == 3 && features.count > 0
                && masks.count > 0 && features.shape[0] == masks.shape[0]
                && features.shape[1] == masks.shape[1],
            "MaskPropagation: features \(features.shape), masks \(masks.shape)")
        require(options.fault == nil, "MaskPropagation: \(options.fault ?? "")")
        self.options = options
        grid = PatchGrid(rows: features.shape[0], columns: features.shape[1])
        first = Frame(
            features: features.reshaped(to: [grid.count, features.shape[2]]).normalizedRows(),
            masks: masks.reshaped(to: [grid.count, masks.shape[2]]))
    }

    /// Finds the masks of the next frame.
    ///
    /// - Parameter features: `[rows, columns, channels]`.
    /// - Returns: `[rows, columns, classes]`.
    /// - Precondition: the features' shape is the first frame's.
    /// - Complexity: O(frames * cells * (2 reach + 4) * columns * channels) for at most
    ///   `previousFrames + 1` frames.
    public mutating func advance(to features: Tensor) -> Tensor {
        let classes = first.masks.shape[1]
        require(
            features.shape == [grid.rows, grid.columns, first.features.shape[1]],
            "advance: features \(features.shape) on cells \(grid.rows)x\(grid.columns) of"
                + " \(first.features.shape[1]) channels")
        let features = features.reshaped(to: first.features.shape).normalizedRows()
        let frames = [first] + previous
        var search = NeighbourhoodSearch(
            grid: grid, frames: frames.count, reach: options.reach, count: options.neighbours)
        for (index, frame) in frames.enumerated() {
            search.compare(features, with: frame.features, frame: index)
        }
        let masks = Tensor(shape: [grid.count, classes]) { masks in
            masks.initialize(repeating: 0)
            for cell in 0..<grid.count {
                let ranks = cell * search.count..<(cell + 1) * search.count
                let best = search.similarities[ranks.lowerBound]
                let weights = ranks.map {
                    exp((search.similarities[$0] - best) / options.temperature)
                }
                let sum = weights.reduce(0, +)
                for (rank, weight) in zip(ranks, weights) where weight > 0 {
                    let (frame, place) = Int(search.places[rank])
                        .quotientAndRemainder(dividingBy: grid.count)
                    frames[frame].masks.withUnsafeElements { source in
                        for index in 0..<classes {
                            masks[cell * classes + index] +=
                                source[place * classes + index] * (weight / sum)
                        }
                    }
                }
            }
        }
        if previous.count == options.previousFrames, !previous.isEmpty { previous.removeFirst() }
        if options.previousFrames > 0 {
            previous.append(Frame(features: features, masks: masks))
        }
        return masks.reshaped(to: [grid.rows, grid.columns, classes])
    }
}
