import Platform

/// The counts of all processes, a line a kind.
struct Table {
    private var rows: [[String]] = [
        [
            "kind", "inputs", "refused", "accepted", "crashes", "over memory", "over 10 s",
            "no sentence", "most MB", "of limit", "slowest s",
        ]
    ]
    /// Whether every promise was kept, and anything was tried.
    private(set) var isClean = true

    init(_ paths: [String], kinds: [any Kind]) throws {
        let tallies = try paths.map { try Tally(path: $0, kinds: kinds.count) }
        var inputs = 0
        for (index, kind) in kinds.enumerated() {
            func sum(_ count: Tally.Count) -> Int { tallies.reduce(0) { $0 + $1[index, count] } }
            func most(_ count: Tally.Count) -> Int { tallies.map { $0[index, count] }.max() ?? 0 }
            // Of a process that died and was not started again.
            let last = tallies.count { $0.crash?.kind == index }
            let faults = [
                sum(.crashes) + last, sum(.overMemory), sum(.tooSlow), sum(.badSentences),
            ]
            rows.append(
                [kind.name] + [sum(.inputs), sum(.refused), sum(.accepted)].map(String.init)
                    + faults.map(String.init) + [
                        "\(most(.mostMemory) >> 20)", "\(most(.mostOfLimit) / 10) %",
                        "\(Double(most(.slowest) / 1000) / 1000)",
                    ])
            if faults.contains(where: { $0 > 0 }) { isClean = false }
            inputs += sum(.inputs)
        }
        if inputs == 0 { isClean = false }
    }

    var text: String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, cell in
                let space = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + space : space + cell
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
