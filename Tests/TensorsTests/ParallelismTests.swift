import Dispatch
import Synchronization
import Tensors
import Testing

/// Every task must run exactly once, however parallel regions nest or overlap.
@Suite(.serialized) struct ParallelismTests {
    /// Runs a region of tasks, each with a region of `nested` tasks inside; counts the tasks run in each.
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

    /// A hundred thousand regions.
    @Test func shortRegionsRunEveryTaskOnce() {
        var correctRegions = 0
        for region in 0..<100_000 {
            let tasks = region % 5 + 1
            correctRegions += count(tasks) == Array(repeating: 1, count: tasks) ? 1 : 0
        }
        #expect(correctRegions == 100_000)
    }

    /// The pauses are long enough for the worker threads to fall asleep.
    @Test func nestedRegionsRunEveryTaskOnceAfterPauses() {
        for _ in 0..<20 {
            #expect(count(7, nested: 5) == Array(repeating: 6, count: 7))
            DispatchSemaphore(value: 0).pause(milliseconds: 3)
        }
    }

    @Test func concurrentRegionsRunEveryTaskOnce() {
        let correct = Counter()
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            for _ in 0..<2000 where count(6) == Array(repeating: 1, count: 6) {
                correct.value.wrappingAdd(1, ordering: .relaxed)
            }
        }
        #expect(correct.value.load(ordering: .relaxed) == 8000)
    }

    @Test func writesOfTasksAreVisibleAfterTheRegion() {
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
    fileprivate func pause(milliseconds: Int) {
        _ = wait(timeout: .now() + .milliseconds(milliseconds))
    }
}
