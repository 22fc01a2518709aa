import Platform

/// The counts of all processes, with a row per kind.
struct Table {
    private var rows: [[String]] = [
        [
            "kind", "inputs", "refused", "accepted", "crashes", "over memory", "over 10 s",
            "bad message", "peak MB", "of limit", "slowest s",
        ]
    ]
    /// Whether every guarantee was kept and at least one input was tried.
    private(set) var isClean = true

    init(_ paths: [String], kinds: [any Kind]) throws {
        let tallies = try paths.map { try Tally(path: $0, kinds: kinds.count) }
        var inputs = 0
        for (index, kind) in kinds.enumerated() {
            func sum(_ count: Tally.Count) -> Int { tallies.reduce(0) { $0 + $1[index, count] } }
            func peak(_ count: Tally.Count) -> Int { tallies.map { $0[index, count] }.max() ?? 0 }
            // A process that crashed and was not restarted.
            let last = tallies.count { $0.crash?.kind == index }
            let faults = [
                sum(.crashes) + last, sum(.overMemory), sum(.tooSlow), sum(.badMessages),
            ]
            rows.append(
                [kind.name] + [sum(.inputs), sum(.refused), sum(.accepted)].map(String.init)
                    + faults.map(String.init) + [
                        "\(peak(.peakMemory) >> 20)", "\(peak(.shareOfLimit) / 10) %",
                        "\(Double(peak(.slowest) / 1000) / 1000)",
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
