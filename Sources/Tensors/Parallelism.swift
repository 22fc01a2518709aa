import Dispatch
import Foundation
import Platform
import Synchronization

/// The one place for threads.
///
/// Work is cut into tasks by its shape alone, never by the number of threads, and each task writes
/// what no other writes: results are the same to the bit for any number of threads.
public enum Parallelism {
    private static let limit = Atomic<Int>(0)

    /// The number of processors that this process may use.
    public static let processorCount = ProcessInfo.processInfo.activeProcessorCount

    /// Four times the processors of the largest machines; each works through tasks of its own, so that
    /// what waits for them takes memory in proportion.
    package static let threadCounts = Bound("number of threads", 1...4096)

    /// The most threads that work at once: at first one for each processor.
    ///
    /// - Precondition: a new value is from 1 to 4096.
    public static var threadCount: Int {
        get {
            let value = limit.load(ordering: .relaxed)
            return value > 0 ? value : processorCount
        }
        set {
            require(
                threadCounts.range ~= newValue,
                "Parallelism.threadCount: \(newValue) is not from 1 to 4096")
            limit.store(newValue, ordering: .relaxed)
        }
    }

    /// Runs `body` once for each task from 0 to `count`, in any order, on up to `threadCount`
    /// threads, and returns when all are done.
    ///
    /// - Precondition: no task touches what another writes; the compiler does not check this.
    public static func perform(count: Int, _ body: (Int) -> Void) {
        let workers = min(threadCount, count)
        guard workers > 1 else {
            for task in 0..<count { body(task) }
            return
        }
        if Crew.shared.perform(count: count, threads: workers - 1, body) { return }
        // Within a task of another region, or beside one.
        let next = Atomic<Int>(0)
        withoutActuallyEscaping(body) { body in
            // Handed to other threads unchecked: tasks share nothing that is written.
            nonisolated(unsafe) let body = body
            DispatchQueue.concurrentPerform(iterations: workers) { _ in
                while true {
                    let task = next.wrappingAdd(1, ordering: .relaxed).oldValue
                    guard task < count else { return }
                    body(task)
                }
            }
        }
    }
}
