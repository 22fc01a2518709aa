import Platform
import Tensors

/// The log of a training run with a valid checkpoint.
struct LogKind: Kind {
    let name = "log"
    let fileName = "log.jsonl"
    let seeds: [[UInt8]]
    private let checkpoint: [UInt8]

    init() throws {
        let run = try CheckpointKind.validRun()
        checkpoint = run.checkpoint
        seeds = [run.log]
    }

    func restructured(_ bytes: [UInt8], using random: inout Xoshiro256) -> [UInt8]? {
        var lines = bytes.split(separator: 10, omittingEmptySubsequences: false).map(Array.init)
        let at = random.below(lines.count)
        switch random.below(8) {
        case 0: lines.insert(lines[at], at: random.below(lines.count + 1))
        case 1: lines.remove(at: at)
        case 2: lines.insert(random.pick([[], [32], [13], [0], [123, 125], [91]]), at: at)
        case 3: lines[at] = Array(repeating: random.pick([32, 120, 0, 91]), count: 1 << 17)
        default:
            guard let line = JSONText.mutated(lines[at], using: &random) else { return nil }
            lines[at] = line
        }
        return Array(lines.joined(separator: [10]))
    }

    func prepare(_ folder: String) throws {
        let path = Path.joined(folder, "checkpoint.safetensors")
        try ReplacingFile.write(to: path) { file throws(SystemError) in
            try file.write(checkpoint)
        }
    }

    func use(_ path: String) throws { try CheckpointKind.resume(Path.folder(of: path)) }
}
