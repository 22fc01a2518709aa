import DINO
import Foundation

/// The course of training, from `log.jsonl`.
struct Journal {
    let records: [TrainingRecord]

    init(contentsOf path: String) throws {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let decoder = JSONDecoder()
        records = try text.split(separator: "\n").map {
            try decoder.decode(TrainingRecord.self, from: Data($0.utf8))
        }
        guard !records.isEmpty else { throw Failure("\(path) holds no step of training") }
    }

    /// The mean of a reading over the first and over the last twentieth of the steps.
    func ends(_ reading: (TrainingRecord) -> Double) -> (first: Double, last: Double) {
        let count = max(1, records.count / 20)
        func mean(_ part: ArraySlice<TrainingRecord>) -> Double {
            part.reduce(0) { $0 + reading($1) } / Double(part.count)
        }
        return (mean(records.prefix(count)), mean(records.suffix(count)))
    }

    var seconds: Double { records.reduce(0) { $0 + $1.seconds } }

    /// Such as `45 s`, `2 min 20 s`.
    var duration: String {
        let seconds = Int(seconds.rounded())
        return seconds < 60 ? "\(seconds) s" : "\(seconds / 60) min \(seconds % 60) s"
    }

    /// What the collapse watch says of these steps.
    func findings(_ circumstances: CollapseWatch.Circumstances) -> [CollapseWatch.Finding] {
        var watch = CollapseWatch(circumstances)
        for record in records { _ = watch.observe(record) }
        return watch.findings
    }
}

/// Why there is no report, in one sentence.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ sentence: String) {
        description = sentence
    }
}
