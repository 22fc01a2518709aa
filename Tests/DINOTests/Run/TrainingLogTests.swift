import DINO
import Foundation
import Testing

@Suite struct TrainingLogTests {
    private let path = FileManager.default.temporaryDirectory
        .appendingPathComponent("dino-log-\(UUID().uuidString).jsonl").path

    private func record(_ step: Int) -> TrainingRecord {
        TrainingRecord(
            step: step, epoch: 1 + step / 10, loss: 4.5 / Double(step), learningRate: 5e-05,
            weightDecay: 0.04, momentum: 0.996, teacherTemperature: 0.04, teacherEntropy: 3.25,
            rank: 6.5, featureDeviation: 0.5, contrast: 1, gradientNorm: 0.1, seconds: 0.25)
    }

    private func text() throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    /// The error of opening the log; empty if there is none.
    private var openingError: String {
        do {
            _ = try TrainingLog(path: path)
            return ""
        } catch {
            return "\(error)"
        }
    }

    @Test func writesOneLinePerStep() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        var log = try TrainingLog(path: path)
        try log.cut(after: 0) { _ in }
        try log.append(record(1))
        try log.append(record(2))
        #expect(
            try text() == """
                {"step":1,"epoch":1,"loss":4.5,"learningRate":5e-05,"weightDecay":0.04,\
                "momentum":0.996,"teacherTemperature":0.04,"teacherEntropy":3.25,"rank":6.5,\
                "featureDeviation":0.5,"contrast":1.0,"gradientNorm":0.1,"seconds":0.25}
                {"step":2,"epoch":1,"loss":2.25,"learningRate":5e-05,"weightDecay":0.04,\
                "momentum":0.996,"teacherTemperature":0.04,"teacherEntropy":3.25,"rank":6.5,\
                "featureDeviation":0.5,"contrast":1.0,"gradientNorm":0.1,"seconds":0.25}

                """)
    }

    /// Numbers that JSON cannot represent become null, by either way of writing.
    @Test func encodedRecordsReadBackAsWrittenLines() throws {
        var record = record(1)
        record.losses = [.patches: 0.5, .attention: .nan]
        record.teacherEntropy = .nan
        record.gradientNorm = .infinity
        defer { try? FileManager.default.removeItem(atPath: path) }
        var log = try TrainingLog(path: path)
        try log.cut(after: 0) { _ in }
        try log.append(record)
        let decoder = JSONDecoder()
        let written = try decoder.decode(TrainingRecord.self, from: Data(text().utf8))
        let encoded = try decoder.decode(
            TrainingRecord.self, from: JSONEncoder().encode(record))
        for other in [written, encoded] {
            #expect(other.step == 1 && other.loss == 4.5 && other.losses[.patches] == 0.5)
            #expect(other.losses[.attention]?.isNaN == true && other.teacherEntropy.isNaN)
            #expect(other.gradientNorm.isNaN)
        }
    }

    /// The process was killed while writing a line beyond the checkpoint.
    @Test func cutRemovesLaterLines() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let lines = (1...5).map { record($0).line }
        try (lines.joined() + "{\"step\":6,\"epo").write(
            toFile: path, atomically: true, encoding: .utf8)
        do {
            var log = try TrainingLog(path: path)
            var seen: [TrainingRecord] = []
            try log.cut(after: 3) { seen.append($0) }
            #expect(seen == (1...3).map(record))
            try log.append(record(4))
        }
        #expect(try text() == lines[..<4].joined())
        do {
            // Only an incomplete line beyond the step.
            try (lines.joined() + "{\"st").write(toFile: path, atomically: true, encoding: .utf8)
            var log = try TrainingLog(path: path)
            try log.cut(after: 9) { _ in }
        }
        #expect(try text() == lines.joined())
        var log = try TrainingLog(path: path)
        try log.cut(after: 0) { _ in }
        #expect(try text() == "")
    }

    @Test func readsLogsLongerThanOneRead() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let count = 9000
        let lines = (1...count).map { record($0).line }.joined()
        #expect(lines.utf8.count > 2 << 20)
        try lines.write(toFile: path, atomically: true, encoding: .utf8)
        var log = try TrainingLog(path: path)
        var seen = 0
        try log.cut(after: count) { record in
            seen += 1
            #expect(record.step == seen)
        }
        #expect(seen == count)
        #expect(try text() == lines)
    }

    @Test func rejectsMalformedLine() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try (record(1).line + "hello\n" + record(2).line)
            .write(toFile: path, atomically: true, encoding: .utf8)
        var log = try TrainingLog(path: path)
        var message = ""
        do {
            try log.cut(after: 2) { _ in }
        } catch {
            message = "\(error)"
        }
        #expect(message.contains(path) && message.contains("line 2"))
    }

    /// Editors and damaged disks leave such bytes beyond the checkpoint. Blank lines before it are kept.
    @Test(arguments: ["", "\n", "hello\n", "{\"step\":4}\n\n", "\0\0\0", "\u{FFFD}"])
    func cutRemovesAnyTrailingBytes(_ rest: String) throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let lines = (1...3).map { record($0).line }
        let kept = lines[0] + "\n \t\r\n" + lines[1] + "\n" + lines[2]
        try (kept + rest).write(toFile: path, atomically: true, encoding: .utf8)
        do {
            var log = try TrainingLog(path: path)
            var seen: [Int] = []
            try log.cut(after: 3) { seen.append($0.step) }
            #expect(seen == [1, 2, 3])
            try log.append(record(4))
        }
        #expect(try text() == kept + record(4).line)
    }

    /// A repeated line, one out of order, and steps below 1.
    @Test(arguments: [([1, 1, 2], 2), ([2, 1, 3], 2), ([0, 1, 2], 1), ([-5, 1, 2], 1)])
    func rejectsStepsOutOfOrder(_ steps: [Int], line: Int) throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try steps.map { step in
            record(1).line.replacingOccurrences(of: "\"step\":1", with: "\"step\":\(step)")
        }.joined().write(toFile: path, atomically: true, encoding: .utf8)
        var log = try TrainingLog(path: path)
        let error = #expect(throws: TrainingRunError.self) { try log.cut(after: 3) { _ in } }
        let reason = "line \(line) is not a valid record of a later step"
        #expect(error.map { "\($0)".contains(reason) } == true)
    }

    /// 64 GB without a line feed, in a sparse file.
    @Test(arguments: [0, 2]) func rejectsEndlessLine(after count: Int) throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try (0..<count).map { record($0 + 1).line }.joined()
            .write(toFile: path, atomically: true, encoding: .utf8)
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.truncate(atOffset: 1 << 36)
        try file.close()
        var log = try TrainingLog(path: path)
        var message = ""
        do {
            try log.cut(after: 5) { _ in }
        } catch {
            message = "\(error)"
        }
        #expect(message.contains("\(path) cannot be read: line \(count + 1) "), "\(message)")
    }

    /// Opening neither waits for a pipe nor writes to a device.
    @Test(arguments: ["pipe", "folder", "/dev/zero", "/dev/null"])
    func rejectsFilesThatAreNotRegular(_ kind: String) throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        switch kind {
        case "pipe": #expect(mkfifo(path, 0o600) == 0)
        case "folder":
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: false)
        default:
            try FileManager.default.createSymbolicLink(
                atPath: path, withDestinationPath: kind)
        }
        #expect(openingError.hasPrefix("\(path) cannot be written: "), "\(openingError)")
    }

    /// A log that is moved aside stays complete, and the new one is locked by this process too.
    @Test func setAsideKeepsOldLogs() throws {
        let paths = ["", ".1", ".2"].map { path + $0 }
        defer { for path in paths { try? FileManager.default.removeItem(atPath: path) } }
        for number in 1...2 {
            try "run \(number)\n".write(toFile: path, atomically: true, encoding: .utf8)
            var log = try TrainingLog(path: path)
            let isEmpty = log.isEmpty
            let moved = try log.setAside()
            #expect(!isEmpty && moved == paths[number])
            try log.append(record(1))
            #expect(throws: TrainingRunError.self) { _ = try TrainingLog(path: path) }
        }
        #expect(
            try paths.map { try String(contentsOfFile: $0, encoding: .utf8) }
                == [record(1).line, "run 1\n", "run 2\n"])
    }

    @Test func rejectsSecondProcess() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        var log = try TrainingLog(path: path)
        #expect(openingError.hasPrefix("another process is training into"))
        try log.append(record(1))
    }

    @Test func nonFiniteNumbersAreWrittenAsNull() throws {
        var record = record(1)
        record.rank = .nan
        record.gradientNorm = .infinity
        #expect(
            record.line.contains("\"rank\":null") && record.line.contains("\"gradientNorm\":null"))
        let read = try JSONDecoder().decode(TrainingRecord.self, from: Data(record.line.utf8))
        #expect(read.rank.isNaN && read.gradientNorm.isNaN && read.loss == record.loss)
    }
}
