/// Indices of the `sources` samples under the centres of `count` new ones: Pillow's nearest filter, with
/// which the reference resizes saliency. Positions accumulate steps, and so round, as Pillow's do.
func centredSources(_ sources: Int, count: Int) -> [Int] {
    let step = Double(sources) / Double(count)
    var position = step * 0.5
    return (0..<count).map { _ in
        defer { position += step }
        return min(Int(position), sources - 1)
    }
}

extension Array {
    /// The elements of a row-major grid at the given rows and columns.
    func gathered(rows: [Int], columns: [Int], width: Int) -> [Element] {
        rows.flatMap { row in columns.map { self[row * width + $0] } }
    }
}
