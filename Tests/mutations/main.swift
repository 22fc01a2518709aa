import Foundation
import Platform
import Tensors

// Changes files at random and does with them what the program's commands would do. `Tests/mutate` builds this program and
// runs one process of it per processor.
//
//     mutations work --seed S --seconds T --into FOLDER [--kinds a,b] [--sanitized]
//     mutations table TALLY…       prints the counts; its status is 1 if a guarantee was violated
//     mutations KIND --file F      tries one input
//     mutations KIND --number N --seed S [--write F]

/// The value after a name on the command line.
func option(_ name: String) -> String? {
    let arguments = CommandLine.arguments
    guard let index = arguments.firstIndex(of: "--" + name), index + 1 < arguments.count else {
        return nil
    }
    return arguments[index + 1]
}

func run() throws -> Int32 {
    Parallelism.threadCount = 1
    try Scratch.make()
    defer { Scratch.remove() }
    let all = try Kinds.all()
    let names = option("kinds")?.split(separator: ",").map(String.init)
    let kinds = all.filter { names?.contains($0.name) ?? true }
    let command = CommandLine.arguments.dropFirst().first ?? ""
    let seed = UInt64(option("seed") ?? "1") ?? 1
    let memory = Memory(isMeasured: !CommandLine.arguments.contains("--sanitized"))
    switch command {
    case "work":
        for kind in kinds {
            let refusals = try kind.seeds.map { try Trial(kind, $0, memory).refusal }
            guard refusals.contains(nil) else {
                print("error: no valid \(kind.name) is accepted: \(refusals.compactMap { $0 })")
                return 2
            }
        }
        let folder = option("into") ?? "."
        let worker = Worker(
            kinds: kinds, seed: seed,
            tally: try Tally(path: Path.joined(folder, "tally-\(seed)"), kinds: kinds.count),
            failures: try FailingInputs(Path.joined(folder, "kept")), memory: memory)
        try worker.run(seconds: Double(option("seconds") ?? "10") ?? 10)
        return 0
    case "table":
        let paths = CommandLine.arguments.dropFirst(2).prefix { !$0.hasPrefix("--") }
        let table = try Table(Array(paths), kinds: kinds)
        print(table.text)
        return table.isClean ? 0 : 1
    default:
        guard let kind = all.first(where: { $0.name == command }) else {
            print("the kinds are \(all.map(\.name).joined(separator: ", "))")
            return 64
        }
        let bytes =
            try option("file").map { try Fixtures.bytes(of: $0) }
            ?? kind.input(Int(option("number") ?? "0") ?? 0, seed: seed)
        if let path = option("write") { try Data(bytes).write(to: URL(fileURLWithPath: path)) }
        let trial = try Trial(kind, bytes, memory)
        print(trial.refusal ?? "accepted")
        print(
            "\(bytes.count) bytes, \(trial.seconds) s, \(trial.memory >> 10) kB of"
                + " \(trial.memoryLimit >> 10)")
        print(trial.violations.map { "violated: \($0.rawValue)" }.joined(separator: "\n"))
        return trial.violations.isEmpty ? 0 : 1
    }
}

do {
    exit(try run())
} catch {
    print("error: \(error)")
    exit(2)
}
