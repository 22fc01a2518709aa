import Platform
import Tensors

/// How position codes are resampled from the trained grid to another grid of patches.
public enum PositionResampling: String, Hashable, Sendable, Codable, CaseIterable {
    /// As in the published code: bicubic with the factor `(rows + 0.1) / trainedRows`, likewise for columns
    /// (`interpolate_pos_encoding` of vision_transformer.py). The 0.1 guards its implementation against rounding
    /// and shifts the codes slightly.
    case scaleFactor
    /// Bicubic with the factor `rows / trainedRows`: both grids cover the image exactly. transformers' Dinov2 does
    /// the same (`interpolate_pos_encoding` of modeling_dinov2.py).
    case size
    /// As `size`, with PyTorch's antialiasing: the kernel widens where the grid shrinks, and is normalised at the
    /// borders instead of clamped. facebookresearch/dinov2 does so for networks with registers
    /// (`interpolate_antialias` of its hub/backbones.py), and so does timm (`resample_abs_pos_embed`).
    case antialiased
}

/// Learnt position codes of the tokens, for any grid of patches.
public struct PositionEncoding: Sendable {
    /// The codes of the trained grid, `[1 + rows * columns, width]`: the class token's, then the patches'.
    public var table: Tensor {
        didSet { cache = GridCache() }
    }
    /// The trained grid.
    public let grid: PatchGrid
    /// How codes are resampled to other grids.
    public var resampling: PositionResampling {
        didSet { cache = GridCache() }
    }

    private var cache = GridCache<Tensor>()

    /// Creates an encoding from a table of codes.
    ///
    /// - Parameters:
    ///   - table: `[1 + rows * columns, width]`: the class token's code, then the patches'.
    ///   - grid: the grid of the table's patches.
    ///   - resampling: how codes are resampled to other grids.
    public init(table: Tensor, grid: PatchGrid, resampling: PositionResampling = .scaleFactor) {
        require(
            table.shape.rank == 2 && table.shape[0] == 1 + grid.count,
            "PositionEncoding: \(table.shape) for a grid of \(grid.rows)x\(grid.columns)")
        self.table = table
        self.grid = grid
        self.resampling = resampling
    }

    /// The codes of all tokens, `[1 + rows * columns, width]`. They are cached per grid unless `table` is tracked.
    ///
    /// - Parameters:
    ///   - target: the grid of patches.
    ///   - isSquare: whether the image is square. The published code uses the trained table unchanged only for
    ///     square images, and otherwise resamples it even to the same grid; `.scaleFactor` follows it. (The
    ///     published code compares the number of patches, not the grid; with equal vertical and horizontal strides
    ///     the two tests agree.)
    public func codes(on target: PatchGrid, isSquare: Bool) -> Tensor {
        let isUnchanged = target == grid && (isSquare || resampling != .scaleFactor)
        if isUnchanged { return table }
        if table.isTracked { return resampled(to: target) }
        return cache.value(for: target) { resampled(to: target) }
    }

    /// The table resampled to another grid; the class token's code is unchanged. The pullback passes each code's
    /// gradient back to the codes that it was blended from, with the same weights.
    private func resampled(to target: PatchGrid) -> Tensor {
        let width = table.shape[1]
        let taps = GridTaps(from: grid, to: target, resampling: resampling)
        var result = Tensor(uninitialized: [1 + target.count, width])
        withUnsafePointers(writing: &result, reading: table) { result, table in
            result.update(from: table, count: width)
            taps.stretch(table + width, into: result + width, width: width)
        }
        guard let tape = Tape.of(table) else { return result }
        return tape.record(result) {
            [shape = table.shape, index = table.trace?.index] gradient, cotangents in
            cotangents.add(to: index, shape: shape) { target in
                withUnsafePointers(reading: gradient) { gradient in
                    for channel in 0..<width { target[channel] += gradient[channel] }
                    taps.gather(gradient + width, into: target + width, width: width)
                }
            }
        }
    }
}
