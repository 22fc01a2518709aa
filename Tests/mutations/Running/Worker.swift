import Foundation
import Platform
import Tensors

/// Tries inputs until its time is up.
struct Worker {
    let kinds: [any Kind]
    let seed: UInt64
    let tally: Tally
    let kept: Kept
    let memory: Memory

    /// Wall-clock seconds after which an input counts as one that never ends.
    private static let longest: UInt32 = 120

    func run(seconds: Double) throws {
        try keepCrash()
        let end = ContinuousClock.now + .seconds(seconds)
        Crashes.watch(tally)
        while ContinuousClock.now < end {
            // The kind that has had the least time is next.
            let next = kinds.indices.min { tally[$0, .time] < tally[$1, .time] }
            guard let next else { return }
            try tryOne(next)
        }
    }

    private func tryOne(_ index: Int) throws {
        let kind = kinds[index]
        let number = tally[index, .inputs]
        let start = processorTime()
        // Before the input is made: one that cannot be made counts as a crash, and does not come up again.
        tally.begin(index, number)
        tally[index, .inputs] += 1
        let bytes = kind.input(number, seed: seed)
        alarm(Self.longest)
        let trial = try Trial(kind, bytes, memory)
        alarm(0)
        tally.end()
        tally[index, trial.refusal == nil ? .accepted : .refused] += 1
        tally.raise(index, .mostMemory, to: trial.memory)
        tally.raise(index, .mostOfLimit, to: trial.memory * 1000 / trial.memoryLimit)
        tally.raise(index, .slowest, to: Int(trial.seconds * 1e6))
        for promise in trial.broken {
            tally[index, promise.count] += 1
            try kept.keep(
                bytes, of: kind, seed: seed, number: number, fault: promise.rawValue,
                detail: "\(trial.memory >> 20) MB of \(trial.memoryLimit >> 20), "
                    + "\(trial.seconds) s, \(trial.refusal?.prefix(400) ?? "accepted")")
        }
        tally[index, .time] += Int((processorTime() - start) * 1e6)
    }

    /// Keeps the input that killed the process before this one.
    private func keepCrash() throws {
        guard let crash = tally.crash else { return }
        tally.end()
        tally[crash.kind, .crashes] += 1
        // A second for each: one that dies at once does not come up again and again.
        tally[crash.kind, .time] += 1_000_000
        let kind = kinds[crash.kind]
        // The first two are the handler's.
        let frames = crash.frames.dropFirst(2).map { "0x" + String($0, radix: 16) }
        try kept.keep(
            kind.input(crash.number, seed: seed), of: kind, seed: seed, number: crash.number,
            fault: "crash by signal \(crash.signal) at \(frames.prefix(5))",
            detail: frames.joined(separator: " "))
    }
}

extension Trial.Promise {
    fileprivate var count: Tally.Count {
        switch self {
        case .memory: .overMemory
        case .time: .tooSlow
        case .sentence: .badSentences
        }
    }
}
