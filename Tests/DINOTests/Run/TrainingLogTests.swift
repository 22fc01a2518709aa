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

    /// What an editor leaves, and what a disk does past the checkpoint.
    @Test(arguments: ["", "\n", "hello\n", "{\"step\":4}\n\n", "\0\0\0", "\u{FFFD}"])
    func whateverLiesPastAStepIsCutOff(_ rest: String) throws {
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

    /// A line twice, one out of order, one of step 0; none of them is drawn.
    @Test(arguments: [[1, 1, 2], [2, 1, 3], [0, 1, 2], [-5, 1, 2]])
    func stepsAscend(_ steps: [Int]) throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try steps.map { step in
            record(1).line.replacingOccurrences(of: "\"step\":1", with: "\"step\":\(step)")
        }.joined().write(toFile: path, atomically: true, encoding: .utf8)
        var log = try TrainingLog(path: path)
        #expect(throws: TrainingRunError.self) { try log.cut(after: 3) { _ in } }
    }

    /// 64 GB without a line feed, which take no room on the disk.
    @Test(arguments: [0, 2]) func noLineFeed(after count: Int) throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try (0..<count).map { record($0 + 1).line }.joined()
            .write(toFile: path, atomically: true, encoding: .utf8)
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.truncate(atOffset: 1 << 36)
        try file.close()
        var log = try TrainingLog(path: path)
        var sentence = ""
        do {
            try log.cut(after: 5) { _ in }
        } catch {
            sentence = "\(error)"
        }
        #expect(sentence.contains("\(path) cannot be read: line \(count + 1) "), "\(sentence)")
    }

    /// None of them is waited for or written.
    @Test(arguments: ["pipe", "folder", "/dev/zero", "/dev/null"])
    func noRegularFile(_ kind: String) throws {
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
        var sentence = ""
        do {
            _ = try TrainingLog(path: path)
        } catch {
            sentence = "\(error)"
        }
        #expect(sentence.hasPrefix("\(path) cannot be written: "), "\(sentence)")
    }

    /// A log that is moved out of the way stays whole, and the new one is this process's too.
    @Test func setAside() throws {
        let places = ["", ".1", ".2"].map { path + $0 }
        defer { for place in places { try? FileManager.default.removeItem(atPath: place) } }
        for number in 1...2 {
            try "run \(number)\n".write(toFile: path, atomically: true, encoding: .utf8)
            var log = try TrainingLog(path: path)
            let isEmpty = log.isEmpty
            let place = try log.setAside()
            #expect(!isEmpty && place == places[number])
            try log.append(record(1))
            #expect(throws: TrainingRunError.self) { _ = try TrainingLog(path: path) }
        }
        #expect(
            try places.map { try String(contentsOfFile: $0, encoding: .utf8) }
                == [record(1).line, "run 1\n", "run 2\n"])
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
