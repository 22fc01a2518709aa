/// Which of `sources` samples lies under the centre of each of `count` (Pillow's nearest, which the
/// reference resizes saliency with). The steps add up as Pillow's do.
func centredSources(_ sources: Int, count: Int) -> [Int] {
    let step = Double(sources) / Double(count)
    var position = step * 0.5
    return (0..<count).map { _ in
        defer { position += step }
        return min(Int(position), sources - 1)
    }
}

extension Array {
    /// The elements of a grid, row by row, at some of its rows and columns.
    func gathered(rows: [Int], columns: [Int], width: Int) -> [Element] {
        rows.flatMap { row in columns.map { self[row * width + $0] } }
    }
}
