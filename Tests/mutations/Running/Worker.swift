import Foundation
import Platform
import Tensors

/// Tries inputs for a given time.
struct Worker {
    let kinds: [any Kind]
    let seed: UInt64
    let tally: Tally
    let failures: FailingInputs
    let memory: Memory

    /// The wall-clock time in seconds after which an input counts as a hang.
    private static let hangTimeout: UInt32 = 120

    func run(seconds: Double) throws {
        try recordCrash()
        let end = ContinuousClock.now + .seconds(seconds)
        Crashes.watch(tally)
        while ContinuousClock.now < end {
            // The kind with the least processor time so far is next.
            let next = kinds.indices.min { tally[$0, .time] < tally[$1, .time] }
            guard let next else { return }
            try tryInput(next)
        }
    }

    private func tryInput(_ index: Int) throws {
        let kind = kinds[index]
        let number = tally[index, .inputs]
        let start = processorTime()
        // Recorded before the input is made, so that a crash while making it is counted and not repeated.
        tally.begin(index, number)
        tally[index, .inputs] += 1
        let bytes = kind.input(number, seed: seed)
        alarm(Self.hangTimeout)
        let trial = try Trial(kind, bytes, memory)
        alarm(0)
        tally.end()
        tally[index, trial.refusal == nil ? .accepted : .refused] += 1
        tally.raise(index, .peakMemory, to: trial.memory)
        tally.raise(index, .shareOfLimit, to: trial.memory * 1000 / trial.memoryLimit)
        tally.raise(index, .slowest, to: Int(trial.seconds * 1e6))
        for guarantee in trial.violations {
            tally[index, guarantee.count] += 1
            try failures.keep(
                bytes, of: kind, seed: seed, number: number, fault: guarantee.rawValue,
                detail: "\(trial.memory >> 20) MB of \(trial.memoryLimit >> 20), "
                    + "\(trial.seconds) s, \(trial.refusal?.prefix(400) ?? "accepted")")
        }
        tally[index, .time] += Int((processorTime() - start) * 1e6)
    }

    /// Counts a crash of the previous process and keeps its input.
    private func recordCrash() throws {
        guard let crash = tally.crash else { return }
        tally.end()
        tally[crash.kind, .crashes] += 1
        // A second per crash, so that a kind that crashes at once is not tried again and again.
        tally[crash.kind, .time] += 1_000_000
        let kind = kinds[crash.kind]
        // The first two frames are the handler's.
        let frames = crash.frames.dropFirst(2).map { "0x" + String($0, radix: 16) }
        try failures.keep(
            kind.input(crash.number, seed: seed), of: kind, seed: seed, number: crash.number,
            fault: "crash by signal \(crash.signal) at \(frames.prefix(5))",
            detail: frames.joined(separator: " "))
    }
}

extension Trial.Guarantee {
    fileprivate var count: Tally.Count {
        switch self {
        case .memory: .overMemory
        case .time: .tooSlow
        case .message: .badMessages
        }
    }
}
