import Foundation

/// Rows of figures, printed as a table once all have been added.
struct Table {
    private let isJSON: Bool
    private var rows: [(title: String, figures: [Figure], seconds: Double)] = []

    /// - Parameter isJSON: whether each row is also printed as a line of JSON as soon as it is added.
    init(isJSON: Bool) {
        self.isJSON = isJSON
    }

    mutating func add(_ title: String, _ figures: [Figure], time: Duration) {
        let seconds = time / .seconds(1)
        rows.append((title, figures, seconds))
        guard isJSON else { return }
        let numbers = figures.map { "\"\($0.name)\":\(String(format: "%.3f", $0.value))" }
        print(
            "{\"row\":\"\(title)\",\(numbers.joined(separator: ",")),"
                + "\"seconds\":\(String(format: "%.1f", seconds))}")
    }

    func finish() {
        // In order of first occurrence; not every row has every figure.
        let names = rows.reduce(into: [String]()) { names, row in
            names += row.figures.map(\.name).filter { !names.contains($0) }
        }
        let lead = rows.map(\.title.count).max() ?? 0
        func line(_ cells: [String]) -> String {
            cells[0] + String(repeating: " ", count: lead - cells[0].count)
                + zip(cells.dropFirst(), names).map { cell, name in
                    let width = max(name.count, 6) + 2
                    return String(repeating: " ", count: max(0, width - cell.count)) + cell
                }.joined()
        }
        print(line([""] + names))
        for row in rows {
            let cells = names.map { name in
                row.figures.first { $0.name == name }
                    .map { String(format: "%.1f", $0.value) } ?? "-"
            }
            print(line([row.title] + cells) + String(format: "  (%.0f s)", row.seconds))
        }
    }
}
