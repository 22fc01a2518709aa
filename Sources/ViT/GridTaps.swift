import Tensors

/// How each code of a grid is blended from those of another, first along rows, then along columns.
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

    /// Blends `codes`, `[grid.rows, grid.columns, width]`, into `result`, the same of the target.
    func stretch(
        _ codes: UnsafePointer<Float>, into result: UnsafeMutablePointer<Float>, width: Int
    ) {
        let middle = Tensor(uninitialized: middleShape(width))
        let length = across.count * width
        withExtendedLifetime(middle) {
            let middle = middle.mutableBase
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

    /// The transpose of `stretch`: adds to `codes`.
    func gather(
        _ gradient: UnsafePointer<Float>, into codes: UnsafeMutablePointer<Float>, width: Int
    ) {
        let middle = Tensor(repeating: 0, shape: middleShape(width))
        let length = across.count * width
        withExtendedLifetime(middle) {
            let middle = middle.mutableBase
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

    /// The grid's rows, already stretched along themselves.
    private func middleShape(_ width: Int) -> Shape { [grid.rows, across.count, width] }
}

/// The inputs of one output of a cubic convolution (Keys 1981), and their weights.
private struct CubicTaps {
    private var taps: [(position: Int, weight: Float)]

    /// As PyTorch's `interpolate(mode="bicubic")`: the four nearest, those beyond the ends clamped to them;
    /// a = -0.75.
    init(output: Int, factor: Double, inputs: Int) {
        // In single precision from here on, as PyTorch does it.
        let centre = (Float(output) + 0.5) * Float(1 / factor) - 0.5
        let floor = centre.rounded(.down)
        let t = centre - floor
        let weights = [t + 1, t, 1 - t, 2 - t].map { cubic($0, a: -0.75) }
        taps = weights.enumerated().map {
            (min(max(Int(floor) - 1 + $0, 0), inputs - 1), $1)
        }
    }

    /// As PyTorch's `interpolate(mode="bicubic", antialias=True)`, which is Pillow's: the kernel covers as
    /// many inputs as four outputs do where these are fewer, what lies beyond the ends is left out, and the
    /// weights sum to 1; a = -0.5.
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

    /// The weighted sum of runs of `count` floats, `step` apart for neighbouring inputs.
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

    /// The transpose of `blend`: adds a run of `count` floats, weighted, to those that it came from.
    func spread(
        _ source: UnsafePointer<Float>, step: Int, count: Int,
        over target: UnsafeMutablePointer<Float>
    ) {
        // One after the other: at an edge several of them may be the same.
        for (position, weight) in taps {
            let run = target + position * step
            for i in 0..<count { run[i] += weight * source[i] }
        }
    }
}

/// Keys' kernel at a distance of x: of third degree up to 1 and up to 2, zero beyond.
private func cubic<Number: BinaryFloatingPoint>(_ x: Number, a: Number) -> Number {
    let x = abs(x)
    if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0
}
