import Platform
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
    public var table: Tensor {
        didSet { cache = Cache() }
    }
    /// The trained grid.
    public let grid: PatchGrid
    public let resampling: PositionResampling

    private var cache = Cache()

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
        let asItStands = target == grid && (isSquare || resampling == .size)
        if asItStands { return table }
        if table.isTracked { return resampled(to: target) }
        return cache.value(for: target) { resampled(to: target) }
    }

    /// The table stretched over another grid, but for the class token's code. The pullback hands each
    /// code's gradient back to the sixteen codes that it was blended from, by the same weights.
    private func resampled(to target: PatchGrid) -> Tensor {
        let width = table.shape[1]
        let taps = Taps(from: grid, to: target, resampling: resampling)
        let result = Tensor(uninitialized: [1 + target.count, width])
        let across = Tensor(uninitialized: [grid.rows, target.columns, width])
        withExtendedLifetime((table, across, result)) {
            result.mutableBase.update(from: table.base, count: width)
            taps.stretch(
                table.base + width, across: across.mutableBase, into: result.mutableBase + width,
                width: width)
        }
        guard let tape = Tape.of(table) else { return result }
        return tape.record(result) {
            [shape = table.shape, index = table.trace?.index, grid] gradient, cotangents in
            cotangents.update(index, shape: shape) { target, isSum in
                if !isSum { target.update(repeating: 0, count: shape.count) }
                let across = Tensor(repeating: 0, shape: [grid.rows, taps.across.count, width])
                withExtendedLifetime((gradient, across)) {
                    for channel in 0..<width { target[channel] += gradient.base[channel] }
                    taps.gather(
                        gradient.base + width, across: across.mutableBase, into: target + width,
                        width: width)
                }
            }
        }
    }
}

/// How each code of a grid is blended from those of another, first along rows, then along columns.
private struct Taps: Sendable {
    var across: [CubicTaps]
    var down: [CubicTaps]
    var grid: PatchGrid

    init(from grid: PatchGrid, to target: PatchGrid, resampling: PositionResampling) {
        let extra = resampling == .scaleFactor ? 0.1 : 0
        func taps(_ outputs: Int, from inputs: Int) -> [CubicTaps] {
            (0..<outputs).map {
                CubicTaps(
                    output: $0, factor: (Double(outputs) + extra) / Double(inputs), inputs: inputs)
            }
        }
        across = taps(target.columns, from: grid.columns)
        down = taps(target.rows, from: grid.rows)
        self.grid = grid
    }

    func stretch(
        _ codes: UnsafePointer<Float>, across middle: UnsafeMutablePointer<Float>,
        into result: UnsafeMutablePointer<Float>, width: Int
    ) {
        let length = across.count * width
        Parallelism.perform(count: grid.rows) { row in
            for (column, taps) in across.enumerated() {
                taps.blend(
                    codes + row * grid.columns * width, step: width, count: width,
                    into: middle + row * length + column * width)
            }
        }
        Parallelism.perform(count: down.count) { row in
            down[row].blend(middle, step: length, count: length, into: result + row * length)
        }
    }

    /// The transpose of `stretch`: adds to `middle`, which is zero at first, and to `codes`.
    func gather(
        _ gradient: UnsafePointer<Float>, across middle: UnsafeMutablePointer<Float>,
        into codes: UnsafeMutablePointer<Float>, width: Int
    ) {
        let length = across.count * width
        for (row, taps) in down.enumerated() {
            taps.spread(gradient + row * length, step: length, count: length, over: middle)
        }
        Parallelism.perform(count: grid.rows) { row in
            for (column, taps) in across.enumerated() {
                taps.spread(
                    middle + row * length + column * width, step: width, count: width,
                    over: codes + row * grid.columns * width)
            }
        }
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

    /// The transpose of `blend`: adds a run of `count` floats, weighted, to the four it came from.
    func spread(
        _ source: UnsafePointer<Float>, step: Int, count: Int,
        over target: UnsafeMutablePointer<Float>
    ) {
        // One after the other: at an edge several of them are the same.
        for (position, weight) in [
            (positions.0, weights.0), (positions.1, weights.1), (positions.2, weights.2),
            (positions.3, weights.3),
        ] {
            let run = target + position * step
            for i in 0..<count { run[i] += weight * source[i] }
        }
    }
}

/// The position codes of the grids met last.
private final class Cache: Sendable {
    private static let limit = 8

    private let entries = Lock<[(grid: PatchGrid, codes: Tensor)]>([])

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
