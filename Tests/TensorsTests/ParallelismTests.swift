import Dispatch
import Synchronization
import Tensors
import Testing

/// That every task is done once, however regions meet.
@Suite(.serialized) struct ParallelismTests {
    /// Does a region's tasks, some of them regions themselves, and counts them.
    private func count(_ tasks: Int, nested: Int = 0) -> [Int] {
        let counts = (0..<tasks).map { _ in Counter() }
        Parallelism.perform(count: tasks) { task in
            counts[task].value.wrappingAdd(1, ordering: .relaxed)
            guard nested > 0 else { return }
            Parallelism.perform(count: nested) { _ in
                counts[task].value.wrappingAdd(1, ordering: .relaxed)
            }
        }
        return counts.map { $0.value.load(ordering: .relaxed) }
    }

    private final class Counter: Sendable {
        let value = Atomic(0)
    }

    @Test("Each task is done once, in a hundred thousand short regions")
    func shortRegions() {
        var done = 0
        for region in 0..<100_000 {
            let tasks = region % 5 + 1
            done += count(tasks) == Array(repeating: 1, count: tasks) ? 1 : 0
        }
        #expect(done == 100_000)
    }

    @Test("A region within a task, and after a pause in which the threads fall asleep")
    func nested() {
        for _ in 0..<20 {
            #expect(count(7, nested: 5) == Array(repeating: 6, count: 7))
            DispatchSemaphore(value: 0).waitUntil(milliseconds: 3)
        }
    }

    @Test("Regions of several threads at once")
    func beside() {
        let right = Counter()
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            for _ in 0..<2000 where count(6) == Array(repeating: 1, count: 6) {
                right.value.wrappingAdd(1, ordering: .relaxed)
            }
        }
        #expect(right.value.load(ordering: .relaxed) == 8000)
    }

    @Test("What a region's tasks have written is there after it")
    func visibility() {
        let sums = (0..<2000).map { region in
            var values = [Int](repeating: 0, count: 64)
            values.withUnsafeMutableBufferPointer { values in
                nonisolated(unsafe) let values = values
                Parallelism.perform(count: 64) { values[$0] = region + $0 }
            }
            return values.reduce(0, +) - 64 * region
        }
        #expect(sums.allSatisfy { $0 == 64 * 63 / 2 })
    }
}

extension DispatchSemaphore {
    fileprivate func waitUntil(milliseconds: Int) {
        _ = wait(timeout: .now() + .milliseconds(milliseconds))
    }
}
