import Platform
import Tensors

/// How the trained grid of position codes is stretched over another grid of patches.
public enum PositionResampling: String, Hashable, Sendable, Codable, CaseIterable {
    /// As the published code does: bicubic by the factor `(rows + 0.1) / trainedRows`, likewise for
    /// columns (`interpolate_pos_encoding` of vision_transformer.py). The tenth guards its
    /// implementation against rounding and shifts the codes slightly.
    case scaleFactor
    /// Bicubic by the factor `rows / trainedRows`: both grids cover the image exactly. So does
    /// transformers' Dinov2 (`interpolate_pos_encoding` of modeling_dinov2.py).
    case size
    /// The same, with PyTorch's antialiasing: a kernel that widens where the grid shrinks, and is not
    /// clamped at the borders but normalised. So do facebookresearch/dinov2 for networks with registers
    /// (`interpolate_antialias` of its hub/backbones.py) and timm (`resample_abs_pos_embed`).
    case antialiased
}

/// The learnt position code of each token, for any grid of patches.
public struct PositionEncoding: Sendable {
    /// `[1 + rows * columns, width]` of the trained grid: the class token's code, then the patches'.
    public var table: Tensor {
        didSet { cache = GridCache() }
    }
    /// The trained grid.
    public let grid: PatchGrid
    public var resampling: PositionResampling {
        didSet { cache = GridCache() }
    }

    private var cache = GridCache<Tensor>()

    public init(table: Tensor, grid: PatchGrid, resampling: PositionResampling = .scaleFactor) {
        require(
            table.shape.rank == 2 && table.shape[0] == 1 + grid.count,
            "PositionEncoding: \(table.shape) for a grid of \(grid.rows)x\(grid.columns)")
        self.table = table
        self.grid = grid
        self.resampling = resampling
    }

    /// The codes of all tokens, `[1 + rows * columns, width]`, computed once for each grid and kept
    /// (where `table` is not tracked).
    ///
    /// - Parameter isSquare: whether the image is. The published code takes the trained table as it
    ///   stands only where the image is square, and otherwise resamples even to the same grid;
    ///   `.scaleFactor` follows it. (The published code asks for as many patches, not for the same
    ///   grid: with the same stride both ways that comes to the same.)
    public func codes(on target: PatchGrid, isSquare: Bool) -> Tensor {
        let asItStands = target == grid && (isSquare || resampling != .scaleFactor)
        if asItStands { return table }
        if table.isTracked { return resampled(to: target) }
        return cache.value(for: target) { resampled(to: target) }
    }

    /// The table stretched over another grid, but for the class token's code. The pullback hands each
    /// code's gradient back to the codes that it was blended from, by the same weights.
    private func resampled(to target: PatchGrid) -> Tensor {
        let width = table.shape[1]
        let taps = GridTaps(from: grid, to: target, resampling: resampling)
        let result = Tensor(uninitialized: [1 + target.count, width])
        withExtendedLifetime((table, result)) {
            result.mutableBase.update(from: table.base, count: width)
            taps.stretch(table.base + width, into: result.mutableBase + width, width: width)
        }
        guard let tape = Tape.of(table) else { return result }
        return tape.record(result) {
            [shape = table.shape, index = table.trace?.index] gradient, cotangents in
            cotangents.update(index, shape: shape) { target, isSum in
                if !isSum { target.update(repeating: 0, count: shape.count) }
                withExtendedLifetime(gradient) {
                    for channel in 0..<width { target[channel] += gradient.base[channel] }
                    taps.gather(gradient.base + width, into: target + width, width: width)
                }
            }
        }
    }
}
