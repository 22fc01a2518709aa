import Tensors

/// Resamples position codes from one grid to another, first along rows, then along columns.
struct GridTaps: Sendable {
    private var across: [CubicTaps]
    private var down: [CubicTaps]
    private var grid: PatchGrid

    init(from grid: PatchGrid, to target: PatchGrid, resampling: PositionResampling) {
        func taps(_ outputs: Int, from inputs: Int) -> [CubicTaps] {
            (0..<outputs).map { output in
                switch resampling {
                case .scaleFactor:
                    CubicTaps(
                        output: output, factor: (Double(outputs) + 0.1) / Double(inputs),
                        inputs: inputs)
                case .size:
                    CubicTaps(
                        output: output, factor: Double(outputs) / Double(inputs), inputs: inputs)
                case .antialiased:
                    CubicTaps(antialiased: output, of: outputs, inputs: inputs)
                }
            }
        }
        across = taps(target.columns, from: grid.columns)
        down = taps(target.rows, from: grid.rows)
        self.grid = grid
    }

    /// Resamples `codes`, `[grid.rows, grid.columns, width]`, into `result`, which has the target grid's shape.
    func stretch(
        _ codes: UnsafePointer<Float>, into result: UnsafeMutablePointer<Float>, width: Int
    ) {
        let length = across.count * width
        // The rows are resampled, the columns not yet.
        withUnsafePointers(reading: Storage(count: grid.rows * length)) { middle in
            Parallelism.perform(count: grid.rows) { row in
                for (column, taps) in across.enumerated() {
                    taps.blend(
                        codes + row * grid.columns * width, step: width, count: width,
                        into: middle + row * length + column * width)
                }
            }
            Parallelism.perform(count: down.count) { row in
                for column in across.indices {
                    down[row].blend(
                        middle + column * width, step: length, count: width,
                        into: result + row * length + column * width)
                }
            }
        }
    }

    /// The transpose of `stretch`: adds the gradient to `codes`.
    func gather(
        _ gradient: UnsafePointer<Float>, into codes: UnsafeMutablePointer<Float>, width: Int
    ) {
        let length = across.count * width
        withUnsafePointers(reading: Storage(count: grid.rows * length)) { middle in
            middle.initialize(repeating: 0, count: grid.rows * length)
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
}

/// The inputs of one output of a cubic convolution (Keys 1981), and their weights.
private struct CubicTaps {
    private var taps: [(position: Int, weight: Float)]

    /// As PyTorch's `interpolate(mode="bicubic")`: the four nearest inputs, positions beyond the ends clamped; a =
    /// -0.75.
    init(output: Int, factor: Double, inputs: Int) {
        // Single precision from here on, as in PyTorch.
        let centre = (Float(output) + 0.5) * Float(1 / factor) - 0.5
        let floor = centre.rounded(.down)
        let t = centre - floor
        let weights = [t + 1, t, 1 - t, 2 - t].map { cubic($0, a: -0.75) }
        taps = weights.enumerated().map {
            (min(max(Int(floor) - 1 + $0, 0), inputs - 1), $1)
        }
    }

    /// As PyTorch's `interpolate(mode="bicubic", antialias=True)`, which follows Pillow: when shrinking, the kernel
    /// widens to the span of four outputs; inputs beyond the ends are dropped and the weights normalised to sum 1;
    /// a = -0.5.
    init(antialiased output: Int, of outputs: Int, inputs: Int) {
        let scale = Double(inputs) / Double(outputs)
        let stretch = max(scale, 1)
        let centre = (Double(output) + 0.5) * scale
        let first = max(Int(centre - 2 * stretch + 0.5), 0)
        let end = min(Int(centre + 2 * stretch + 0.5), inputs)
        let weights = (first..<end).map { cubic((Double($0) + 0.5 - centre) / stretch, a: -0.5) }
        let total = weights.reduce(0, +)
        taps = weights.enumerated().map { (first + $0, Float($1 / total)) }
    }

    /// The weighted sum of runs of `count` floats; the runs of neighbouring inputs are `step` apart.
    func blend(
        _ source: UnsafePointer<Float>, step: Int, count: Int,
        into target: UnsafeMutablePointer<Float>
    ) {
        for (index, tap) in taps.enumerated() {
            let run = source + tap.position * step
            if index == 0 {
                for i in 0..<count { target[i] = run[i] * tap.weight }
            } else {
                for i in 0..<count { target[i] += run[i] * tap.weight }
            }
        }
    }

    /// The transpose of `blend`: adds a run of `count` floats, weighted, to each of the runs that it was blended
    /// from.
    func spread(
        _ source: UnsafePointer<Float>, step: Int, count: Int,
        over target: UnsafeMutablePointer<Float>
    ) {
        // Sequential: at an edge several taps may share a position.
        for (position, weight) in taps {
            let run = target + position * step
            for i in 0..<count { run[i] += weight * source[i] }
        }
    }
}

/// Keys' kernel at distance x: one cubic up to 1, another from 1 to 2, zero beyond.
private func cubic<Number: BinaryFloatingPoint>(_ x: Number, a: Number) -> Number {
    let x = abs(x)
    if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0
}
