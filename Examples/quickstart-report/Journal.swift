import DINO
import Foundation

/// The records of a training run, from `log.jsonl`.
struct Journal {
    let records: [TrainingRecord]

    init(contentsOf path: String) throws {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let decoder = JSONDecoder()
        records = try text.split(separator: "\n").map {
            try decoder.decode(TrainingRecord.self, from: Data($0.utf8))
        }
        guard !records.isEmpty else { throw Failure("\(path) contains no training steps") }
    }

    /// The mean of a reading over the first and over the last twentieth of the steps.
    func ends(_ reading: (TrainingRecord) -> Double) -> (first: Double, last: Double) {
        let count = max(1, records.count / 20)
        func mean(_ part: ArraySlice<TrainingRecord>) -> Double {
            part.reduce(0) { $0 + reading($1) } / Double(part.count)
        }
        return (mean(records.prefix(count)), mean(records.suffix(count)))
    }

    /// The total duration of all steps.
    var seconds: Double { records.reduce(0) { $0 + $1.seconds } }

    /// The total duration, such as `45 s` or `2 min 20 s`.
    var duration: String {
        let seconds = Int(seconds.rounded())
        return seconds < 60 ? "\(seconds) s" : "\(seconds / 60) min \(seconds % 60) s"
    }

    /// The findings of the collapse watch for these steps.
    func findings(_ circumstances: CollapseWatch.Circumstances) -> [CollapseWatch.Finding] {
        var watch = CollapseWatch(circumstances)
        for record in records { _ = watch.observe(record) }
        return watch.findings
    }
}

/// Why the report cannot be written, in one sentence.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ sentence: String) {
        description = sentence
    }
}
