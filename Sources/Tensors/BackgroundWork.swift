import Foundation

extension Parallelism {
    /// Runs long work outside Swift's cooperative thread pool, so that it does not occupy one of the pool's few threads
    /// and other tasks can run. At most one call per processor runs at a time; the others wait, those of high priority
    /// least.
    ///
    /// The work stays part of the calling task: its cancellation (`Task.isCancelled`), priority and task-local values.
    ///
    /// - Parameter work: the work; it must not wait for other work passed to this function.
    /// - Returns: what `work` returns.
    /// - Throws: what `work` throws.
    public static func background<Result: Sendable, Failure>(
        _ work: @Sendable () throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        try await withTaskExecutorPreference(BackgroundThreads.shared) {
            () async throws(Failure) -> Result in try work()
        }
    }
}

/// Threads for long work, one for each processor. Not a Dispatch queue: on Linux its threads are those that run tasks.
///
/// `@unchecked Sendable`: `jobs` is accessed only under `condition`.
final class BackgroundThreads: TaskExecutor, @unchecked Sendable {
    static let shared = BackgroundThreads()
    /// At most 15 characters, the limit of Linux.
    static let name = "background"

    private let condition = NSCondition()
    /// The waiting jobs, by descending priority, then in the order of their arrival.
    private var jobs: [(priority: JobPriority, job: UnownedJob)] = []

    private init() {
        for _ in 0..<Parallelism.processorCount {
            let thread = Thread { self.serve() }
            thread.name = Self.name
            // As the main thread's; the default is a sixteenth on Darwin.
            thread.stackSize = 1 << 23
            thread.start()
        }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let entry = (priority: job.priority, job: UnownedJob(job))
        condition.withLock {
            let place = jobs.firstIndex { $0.priority < entry.priority } ?? jobs.count
            jobs.insert(entry, at: place)
            condition.signal()
        }
    }

    private func serve() {
        while true {
            let job = condition.withLock {
                while jobs.isEmpty { condition.wait() }
                return jobs.removeFirst().job
            }
            job.runSynchronously(on: asUnownedTaskExecutor())
        }
    }
}
