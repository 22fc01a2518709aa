import Synchronization
import Tensors

/// How the trained grid of position codes is stretched over another grid of patches.
public enum PositionResampling: String, Hashable, Sendable, Codable, CaseIterable {
    /// As the published code does: bicubic by the factor `(rows + 0.1) / trainedRows`, likewise for
    /// columns (`interpolate_pos_encoding` of vision_transformer.py). The tenth guards its
    /// implementation against rounding and shifts the codes slightly.
    case scaleFactor
    /// Bicubic by the factor `rows / trainedRows`: both grids cover the image exactly.
    case size
}

/// The learnt position code of each token, for any grid of patches.
public struct PositionEncoding: Sendable {
    /// `[1 + rows * columns, width]` of the trained grid: the class token's code, then the patches'.
    public let table: Tensor
    /// The trained grid.
    public let grid: PatchGrid
    public let resampling: PositionResampling

    private let cache = Cache()

    public init(table: Tensor, grid: PatchGrid, resampling: PositionResampling = .scaleFactor) {
        precondition(
            table.shape.rank == 2 && table.shape[0] == 1 + grid.count,
            "PositionEncoding: \(table.shape) for a grid of \(grid.rows)x\(grid.columns)")
        self.table = table
        self.grid = grid
        self.resampling = resampling
    }

    /// The class token's code, `[1, width]`.
    public var classToken: Tensor { table.rows(0..<1) }

    /// The patches' codes, `[rows * columns, width]`, computed once for each grid and kept.
    ///
    /// - Parameter isSquare: whether the image is. The published code takes the trained table as it
    ///   stands only where the image is square and has as many patches, and otherwise resamples even
    ///   to the same grid; `.scaleFactor` follows it.
    public func patches(on target: PatchGrid, isSquare: Bool) -> Tensor {
        let asItStands =
            resampling == .scaleFactor ? isSquare && target.count == grid.count : target == grid
        if asItStands { return table.rows(1..<1 + grid.count) }
        return cache.value(for: target) { resampled(to: target) }
    }

    private func resampled(to target: PatchGrid) -> Tensor {
        let width = table.shape[1]
        let extra = resampling == .scaleFactor ? 0.1 : 0
        let acrossTaps = (0..<target.columns).map {
            CubicTaps(
                output: $0, factor: (Double(target.columns) + extra) / Double(grid.columns),
                inputs: grid.columns)
        }
        let downTaps = (0..<target.rows).map {
            CubicTaps(
                output: $0, factor: (Double(target.rows) + extra) / Double(grid.rows),
                inputs: grid.rows)
        }
        let across = Tensor(uninitialized: [grid.rows, target.columns, width])
        let result = Tensor(uninitialized: [target.count, width])
        withExtendedLifetime((table, across, result)) {
            let codes = table.base + width
            Parallelism.perform(count: grid.rows) { row in
                for (column, taps) in acrossTaps.enumerated() {
                    let line = codes + row * grid.columns * width
                    taps.blend(
                        line, step: width, count: width,
                        into: across.mutableBase + (row * target.columns + column) * width)
                }
            }
            let length = target.columns * width
            Parallelism.perform(count: target.rows) { row in
                downTaps[row].blend(
                    across.base, step: length, count: length,
                    into: result.mutableBase + row * length)
            }
        }
        return result
    }
}

/// The four inputs of one output of a cubic convolution (Keys 1981, a = -0.75 as in PyTorch), those
/// beyond the ends clamped to them.
private struct CubicTaps {
    var positions: (Int, Int, Int, Int)
    var weights: (Float, Float, Float, Float)

    init(output: Int, factor: Double, inputs: Int) {
        // In single precision from here on, as PyTorch does it.
        let centre = (Float(output) + 0.5) * Float(1 / factor) - 0.5
        let floor = centre.rounded(.down)
        let t = centre - floor
        let first = Int(floor) - 1
        func clamped(_ i: Int) -> Int { min(max(first + i, 0), inputs - 1) }
        positions = (clamped(0), clamped(1), clamped(2), clamped(3))
        let a: Float = -0.75
        func near(_ x: Float) -> Float { ((a + 2) * x - (a + 3)) * x * x + 1 }
        func far(_ x: Float) -> Float { ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
        weights = (far(t + 1), near(t), near(1 - t), far(2 - t))
    }

    /// The weighted sum of four runs of `count` floats, `step` apart for neighbouring inputs.
    func blend(
        _ source: UnsafePointer<Float>, step: Int, count: Int,
        into target: UnsafeMutablePointer<Float>
    ) {
        let a = source + positions.0 * step
        let b = source + positions.1 * step
        let c = source + positions.2 * step
        let d = source + positions.3 * step
        let (u, v, w, x) = weights
        for i in 0..<count {
            target[i] = a[i] * u + b[i] * v + c[i] * w + d[i] * x
        }
    }
}

/// The position codes of the grids met last.
private final class Cache: Sendable {
    private static let limit = 8

    private let entries = Mutex<[(grid: PatchGrid, codes: Tensor)]>([])

    func value(for grid: PatchGrid, compute: () -> Tensor) -> Tensor {
        if let kept = entries.withLock({ $0.first { $0.grid == grid }?.codes }) { return kept }
        let codes = compute()
        entries.withLock {
            if $0.count == Cache.limit { $0.removeFirst() }
            $0.append((grid, codes))
        }
        return codes
    }
}
