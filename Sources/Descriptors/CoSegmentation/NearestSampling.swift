// Two ways to enlarge without mixing, which differ by half a step.

/// Which of `sources` samples lies under the centre of each of `count` (Pillow's nearest, which the
/// reference resizes masks and saliency with). The steps add up as Pillow's do.
func centredSources(_ sources: Int, count: Int) -> [Int] {
    let step = Double(sources) / Double(count)
    var position = step * 0.5
    return (0..<count).map { _ in
        defer { position += step }
        return min(Int(position), sources - 1)
    }
}

/// Which of `sources` samples lies under the upper left corner of each of `count` (PyTorch's
/// nearest, which the reference enlarges distances and reduces labels with), in single precision as
/// there.
func corneredSources(_ sources: Int, count: Int) -> [Int] {
    let step = Float(sources) / Float(count)
    return (0..<count).map { min(Int(Float($0) * step), sources - 1) }
}

extension Array {
    /// The elements of a grid, row by row, at some of its rows and columns.
    func gathered(rows: [Int], columns: [Int], width: Int) -> [Element] {
        rows.flatMap { row in columns.map { self[row * width + $0] } }
    }
}
