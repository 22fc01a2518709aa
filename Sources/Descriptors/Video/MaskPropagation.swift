import Foundation
import Platform
import Tensors
import ViT

/// Carries the masks of a video's first frame on through the others, by the similarity of features
/// (facebookresearch/dino, eval_video_segmentation.py, `label_propagation`).
///
/// A cell's mask is the mean of the masks of its most similar cells in the first frame and in those
/// before it, near its place, each weighed by `exp(similarity / temperature)`. Frames are handed in
/// one after the other; the features of `previousFrames + 2` are held at most.
public struct MaskPropagation: Sendable {
    /// How masks are carried on. The defaults are the reference's.
    public struct Options: Hashable, Sendable, Codable {
        /// How many of the frames before one are looked at, beside the first.
        public var previousFrames = 7
        /// The most rows and columns, in cells, between a cell and one that it takes its mask from.
        public var reach = 12
        /// How many cells a cell takes its mask from.
        public var neighbours = 5
        /// What similarities are divided by.
        public var temperature: Float = 0.1

        public init() {}
    }

    private struct Frame: Sendable {
        /// `[cells, channels]`, rows of length 1.
        var features: Tensor
        /// `[cells, classes]`.
        var masks: Tensor
    }

    public let options: Options
    private let grid: PatchGrid
    private let first: Frame
    private var previous: [Frame] = []

    /// - Parameters:
    ///   - features: of the first frame, `[rows, columns, channels]`.
    ///   - masks: how much of each class each cell of it is, `[rows, columns, classes]`.
    /// - Precondition: both have the same rows and columns, at least one of each; the options have no
    ///   fault.
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

    /// The masks of the next frame, `[rows, columns, classes]`.
    ///
    /// - Parameter features: `[rows, columns, channels]`.
    /// - Precondition: the features' shape is the first frame's.
    /// - Complexity: O(frames * cells * (2 reach + 4) * columns * channels), frames being
    ///   `previousFrames + 1` at most.
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
                    let source = frames[frame].masks.base + place * classes
                    for index in 0..<classes {
                        masks[cell * classes + index] += source[index] * (weight / sum)
                    }
                }
            }
        }
        withExtendedLifetime(frames) {}
        if previous.count == options.previousFrames, !previous.isEmpty { previous.removeFirst() }
        if options.previousFrames > 0 {
            previous.append(Frame(features: features, masks: masks))
        }
        return masks.reshaped(to: [grid.rows, grid.columns, classes])
    }
}
