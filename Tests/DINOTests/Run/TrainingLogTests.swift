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

    @Test func aLineAStep() throws {
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

    /// As after a kill in the middle of a line, past the checkpoint.
    @Test func whatLiesPastAStepIsCutOff() throws {
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
            // Nothing past the step but a broken line.
            try (lines.joined() + "{\"st").write(toFile: path, atomically: true, encoding: .utf8)
            var log = try TrainingLog(path: path)
            try log.cut(after: 9) { _ in }
        }
        #expect(try text() == lines.joined())
        var log = try TrainingLog(path: path)
        try log.cut(after: 0) { _ in }
        #expect(try text() == "")
    }

    /// Longer than what is read at once.
    @Test func longLogs() throws {
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

    @Test func lineThatIsNoRecord() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try (record(1).line + "hello\n" + record(2).line)
            .write(toFile: path, atomically: true, encoding: .utf8)
        var log = try TrainingLog(path: path)
        var sentence = ""
        do {
            try log.cut(after: 2) { _ in }
        } catch {
            sentence = "\(error)"
        }
        #expect(sentence.contains(path) && sentence.contains("line 2"))
    }

    @Test func oneProcessAtATime() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        var log = try TrainingLog(path: path)
        var sentence = ""
        do {
            _ = try TrainingLog(path: path)
        } catch {
            sentence = "\(error)"
        }
        #expect(sentence.hasPrefix("another process is training into"))
        try log.append(record(1))
    }

    @Test func numbersThatAreNone() throws {
        var strange = record(1)
        strange.rank = .nan
        strange.gradientNorm = .infinity
        #expect(
            strange.line.contains("\"rank\":null") && strange.line.contains("\"gradientNorm\":null")
        )
        let read = try JSONDecoder().decode(TrainingRecord.self, from: Data(strange.line.utf8))
        #expect(read.rank.isNaN && read.gradientNorm.isNaN && read.loss == strange.loss)
    }
}
