/// The contingency table of two labellings.
package struct ContingencyTable {
    private var counts = [Int](repeating: 0, count: 256 * 256)

    package init() {}

    /// Counts an element with these labels.
    package mutating func add(_ first: UInt8, _ second: UInt8) {
        counts[Int(first) * 256 + Int(second)] += 1
    }

    /// Agreement of the labellings up to renaming of labels: 1 for equal ones, 0 on average for random
    /// labels (Hubert and Arabie 1985, equation 5). 1 if both consist of a single label.
    package var adjustedRandIndex: Double {
        func pairs(_ count: Int) -> Double { Double(count) * Double(count - 1) / 2 }
        let rows = (0..<256).map { row in counts[row * 256..<(row + 1) * 256].reduce(0, +) }
        let columns = (0..<256).map { column in
            stride(from: column, to: counts.count, by: 256).reduce(0) { $0 + counts[$1] }
        }
        let all = pairs(rows.reduce(0, +))
        let together = counts.reduce(0) { $0 + pairs($1) }
        let inRows = rows.reduce(0) { $0 + pairs($1) }
        let inColumns = columns.reduce(0) { $0 + pairs($1) }
        let expected = all > 0 ? inRows * inColumns / all : 0
        let most = (inRows + inColumns) / 2
        return most > expected ? (together - expected) / (most - expected) : 1
    }
}
