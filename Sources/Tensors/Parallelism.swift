import Dispatch
import Foundation
import Platform
import Synchronization

/// Runs work on several threads.
///
/// The work's shape alone decides how it is split into tasks, never the number of threads, and no two tasks write to
/// the same place: results are bit-identical for any number of threads.
public enum Parallelism {
    private static let limit = Atomic<Int>(0)

    /// The number of processors available to this process.
    public static let processorCount = ProcessInfo.processInfo.activeProcessorCount

    /// The limit is four times the processors of the largest machines; each thread may have tasks in flight that take
    /// memory in proportion.
    package static let threadCounts = Bound("number of threads", 1...4096)

    /// The most threads that work on one call; by default one for each processor.
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

    /// Calls `body` once for each task in `0..<count`, in any order, on up to `threadCount` threads, and returns when
    /// all are done.
    ///
    /// - Precondition: no task accesses memory that another writes; the compiler does not check this.
    public static func perform(count: Int, _ body: (Int) -> Void) {
        let workers = min(threadCount, count)
        guard workers > 1 else {
            for task in 0..<count { body(task) }
            return
        }
        if WorkerPool.shared.perform(count: count, threads: workers - 1, body) { return }
        // The crew is busy: this is a nested call, or another thread's region is running.
        let next = Atomic<Int>(0)
        withoutActuallyEscaping(body) { body in
            // Passed to other threads unchecked: tasks share nothing that is written.
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

    /// The values of `body` for each index in `0..<count`, computed on up to `threadCount` threads, in order.
    ///
    /// - Precondition: as for ``perform(count:_:)``.
    public static func map<Value>(count: Int, _ body: (Int) -> Value) -> [Value] {
        [Value](unsafeUninitializedCapacity: count) { buffer, initialized in
            // Each task writes only its own element.
            nonisolated(unsafe) let buffer = buffer
            perform(count: count) { buffer.initializeElement(at: $0, to: body($0)) }
            initialized = count
        }
    }
}
