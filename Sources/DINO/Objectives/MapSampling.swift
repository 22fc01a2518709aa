import ViT

/// Resamples a map to the cells of a crop, along rows and along columns, with Pillow's bilinear filter: a triangle
/// that widens to cover a crop's cell where cells are larger than the map's.
struct MapSampling {
    private let across: [LinearTaps]
    private let down: [LinearTaps]
    private let columns: Int

    /// - Parameters:
    ///   - grid: the map's grid.
    ///   - target: the crop's grid.
    ///   - part: the part of the picture that the crop shows, as shares of width and height; all by default.
    ///   - isMirrored: whether the crop is flipped horizontally.
    init(
        from grid: PatchGrid, to target: PatchGrid,
        part: (x: ClosedRange<Double>, y: ClosedRange<Double>) = (0...1, 0...1),
        isMirrored: Bool = false
    ) {
        func taps(_ outputs: Int, _ inputs: Int, _ part: ClosedRange<Double>) -> [LinearTaps] {
            let cell = (part.upperBound - part.lowerBound) / Double(outputs)
            return (0..<outputs).map {
                LinearTaps(
                    centre: (part.lowerBound + (Double($0) + 0.5) * cell) * Double(inputs),
                    reach: max(1, cell * Double(inputs)), inputs: inputs)
            }
        }
        let across = taps(target.columns, grid.columns, part.x)
        self.across = isMirrored ? across.reversed() : across
        down = taps(target.rows, grid.rows, part.y)
        columns = grid.columns
    }

    /// Writes the crop's vectors, cell by cell.
    ///
    /// - Parameter map: `[rows, columns, channels]`.
    /// - Complexity: O(cells x channels) for the crop's cells and for the part of the map that it shows.
    func sample(
        _ map: UnsafeBufferPointer<Float>, channels: Int, into target: UnsafeMutablePointer<Float>
    ) {
        var line = [Float](repeating: 0, count: columns * channels)
        for (row, taps) in down.enumerated() {
            for i in line.indices { line[i] = 0 }
            for (position, weight) in taps.weights {
                let source = position * line.count
                for i in line.indices { line[i] += weight * map[source + i] }
            }
            for (column, taps) in across.enumerated() {
                let target = target + (row * across.count + column) * channels
                for i in 0..<channels { target[i] = 0 }
                for (position, weight) in taps.weights {
                    let source = position * channels
                    for i in 0..<channels { target[i] += weight * line[source + i] }
                }
            }
        }
    }
}

/// The inputs of one output with their weights, which sum to 1.
private struct LinearTaps {
    let weights: [(position: Int, weight: Float)]

    /// - Parameters:
    ///   - centre: the position of the centre in inputs, from the edge of the first one.
    ///   - reach: half the width of the triangle, in inputs.
    init(centre: Double, reach: Double, inputs: Int) {
        let places = Int((centre - reach).rounded(.down))...Int((centre + reach).rounded(.up))
        let found = places.clamped(to: 0...inputs - 1).map { place in
            (position: place, weight: max(0, 1 - abs(Double(place) + 0.5 - centre) / reach))
        }.filter { $0.weight > 0 }
        let sum = found.reduce(0) { $0 + $1.weight }
        weights = found.map { ($0.position, Float($0.weight / sum)) }
    }
}
