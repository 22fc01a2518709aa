import Foundation
import Tensors
import ViT

/// How patches of large crops are masked for iBOT's objective, block by block (`MaskingGenerator` and
/// `collate_data_and_cast` of dinov2, after BEiT, Bao et al. 2022).
public struct PatchMasking: Sendable, Codable, Hashable {
    /// The share of the large crops that are masked: `mask_sample_probability`.
    public var probability = 0.5
    /// The range of the share of masked patches, spread evenly over the masked crops: `mask_ratio_min_max`.
    public var ratio = 0.1...0.5
    /// The minimum number of patches in a block; no block has more than half of the crop's.
    public var leastPatches = 4
    /// The range of a block's height divided by its width; the logarithm is drawn uniformly.
    public var aspectRatio = 0.3...1 / 0.3

    /// Creates dinov2's masking.
    public init() {}

    /// Draws the masks of a step's large crops: for each view, each picture's masked patches in ascending order.
    ///
    /// A fixed share of the crops, chosen at random, is masked. The range of ratios is divided into equal parts,
    /// one per masked crop, and each crop's ratio is drawn from its part.
    ///
    /// - Parameters:
    ///   - views: the number of large crops per picture.
    ///   - pictures: the number of pictures.
    ///   - grid: the grid of a crop's patches.
    ///   - generator: the source of random numbers.
    /// - Returns: one mask per view.
    /// - Complexity: O(views x pictures x patches).
    public func masks(
        views: Int, pictures: Int, grid: PatchGrid,
        using generator: inout some RandomNumberGenerator
    ) -> [PatchMask] {
        let crops = views * pictures
        let masked = Int(Double(crops) * probability)
        var masks = (0..<masked).map { index -> [Int] in
            let step = (ratio.upperBound - ratio.lowerBound) / Double(masked)
            let low = ratio.lowerBound + Double(index) * step
            let share = generator.nextUniform(in: low...low + step)
            return blocks(Int(Double(grid.count) * share), grid, using: &generator)
        }
        masks += Array(repeating: [], count: crops - masked)
        generator.shuffle(&masks)
        return (0..<views).map {
            PatchMask(patches: Array(masks[$0 * pictures..<($0 + 1) * pictures]))
        }
    }

    /// Adds blocks until `target` patches are masked; fewer if no further block fits.
    private func blocks(
        _ target: Int, _ grid: PatchGrid, using generator: inout some RandomNumberGenerator
    ) -> [Int] {
        var isMasked = [Bool](repeating: false, count: grid.count)
        var count = 0
        while count < target {
            let most = min(target - count, grid.count / 2)
            // A single patch is never masked.
            guard most > 0,
                let added = addBlock(ofAtMost: most, to: &isMasked, grid, using: &generator)
            else { break }
            count += added
        }
        return isMasked.indices.filter { isMasked[$0] }
    }

    /// Masks a block, if one of ten draws fits and adds between 1 and `most` patches.
    ///
    /// - Returns: the number of patches added; nil if no draw fits.
    private func addBlock(
        ofAtMost most: Int, to isMasked: inout [Bool], _ grid: PatchGrid,
        using generator: inout some RandomNumberGenerator
    ) -> Int? {
        let logarithms = log(aspectRatio.lowerBound)...log(aspectRatio.upperBound)
        for _ in 0..<10 {
            // If `most` is below the minimum, the range is reversed, as in Python.
            let (low, high) = (Double(leastPatches), Double(most))
            let area = low + (high - low) * generator.nextUniform()
            let aspect = exp(generator.nextUniform(in: logarithms))
            let height = Int((area * aspect).squareRoot().rounded(.toNearestOrEven))
            let width = Int((area / aspect).squareRoot().rounded(.toNearestOrEven))
            guard width < grid.columns, height < grid.rows else { continue }
            let top = generator.nextIndex(below: grid.rows - height + 1)
            let left = generator.nextIndex(below: grid.columns - width + 1)
            let patches = (top..<top + height).flatMap { row in
                (left..<left + width).map { row * grid.columns + $0 }
            }.filter { !isMasked[$0] }
            guard 1...most ~= patches.count else { continue }
            for patch in patches { isMasked[patch] = true }
            return patches.count
        }
        return nil
    }
}

extension PatchMasking: Bounded {
    /// The ranges of valid values.
    package enum Bounds {
        package static let share = Bound("masked share", 0.0...1)
        package static let leastPatches = Bound("minimum patches of a mask block", 1...1 << 20)
        package static let aspectRatio = Bound("aspect ratio of a mask block", 1e-3...1e3)
    }

    /// A message about the first value that is out of bounds; nil if all are valid.
    public var fault: String? {
        firstFault(
            Bounds.share.fault(probability), Bounds.share.fault(ratio),
            Bounds.leastPatches.fault(leastPatches), Bounds.aspectRatio.fault(aspectRatio))
    }
}
