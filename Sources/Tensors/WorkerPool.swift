internal import CKernels
import Dispatch
import Foundation
import Synchronization

/// Worker threads that help the caller through a parallel region, then spin for about 0.1 ms in case another
/// follows: a training step has more than a thousand regions, many as short as waking a thread takes.
///
/// A worker joins a region only while it is open: the caller runs tasks too, closes the region when no task is left
/// to start, and waits only for the workers that have joined.
///
/// `@unchecked Sendable`: `job` is written by the thread that holds `isTaken`, before it opens the region, and read
/// only by threads that have joined and not yet left.
final class WorkerPool: @unchecked Sendable {
    static let shared = WorkerPool(threads: Parallelism.processorCount - 1)

    private var job: (count: Int, body: (Int) -> Void) = (0, { _ in })

    /// Whether a region is running: set before it opens, cleared once all threads have left.
    private let isTaken = Atomic(false)
    /// The number of workers that the region may use.
    private let wanted = Atomic(0)
    /// The index of the next task.
    private let next = Atomic(0)
    /// The region's number (upper half), the flags `isOpen` and `ownerSleeps`, and the number of workers inside.
    private let region = Atomic(0)
    private static let one = 1 << 32
    private static let isOpen = 1 << 31
    private static let ownerSleeps = 1 << 30
    private static let inside = (1 << 30) - 1

    /// The number of workers that sleep, or are about to.
    private let sleepers = Atomic(0)
    private let start = DispatchSemaphore(value: 0)
    private let end = DispatchSemaphore(value: 0)

    init(threads: Int) {
        for index in 0..<threads {
            Thread.detachNewThread { self.serve(as: index) }
        }
    }

    /// Runs the tasks of a region on the calling thread and up to `threads` workers.
    ///
    /// - Returns: `false`, with nothing done, if another region is running: another thread's, or the one that this
    ///   call is nested in.
    func perform(count: Int, threads: Int, _ body: (Int) -> Void) -> Bool {
        guard
            isTaken.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
        else { return false }
        withoutActuallyEscaping(body) { body in
            job = (count, body)
            next.store(0, ordering: .relaxed)
            wanted.store(threads, ordering: .relaxed)
            let number = (region.load(ordering: .relaxed) & ~(WorkerPool.one - 1)) &+ WorkerPool.one
            region.store(number | WorkerPool.isOpen, ordering: .sequentiallyConsistent)
            for _ in 0..<sleepers.exchange(0, ordering: .sequentiallyConsistent) { start.signal() }

            work()
            _ = region.bitwiseXor(WorkerPool.isOpen, ordering: .acquiringAndReleasing)
            func isLeft(_ state: Int) -> Bool { state & WorkerPool.inside == 0 }
            if !wait({ isLeft(self.region.load(ordering: .acquiring)) }),
                !isLeft(
                    region.bitwiseOr(WorkerPool.ownerSleeps, ordering: .acquiringAndReleasing)
                        .oldValue)
            {
                end.wait()
            }
            job = (0, { _ in })
        }
        isTaken.store(false, ordering: .releasing)
        return true
    }

    /// Runs tasks until none are left. Never inlined: its return releases every reference to the body, which must not
    /// outlive the region.
    @inline(never)
    private func work() {
        let job = job
        while true {
            let task = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard task < job.count else { return }
            job.body(task)
        }
    }

    /// The main loop of a worker.
    private func serve(as index: Int) {
        var last = 0
        func isNew(_ state: Int) -> Bool {
            state & WorkerPool.isOpen != 0 && state >> 32 != last
        }
        while true {
            if !wait({ isNew(self.region.load(ordering: .acquiring)) }) {
                sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
                // A region opened in the meantime did not count this worker among the sleepers, so it may not signal.
                if !isNew(region.load(ordering: .sequentiallyConsistent)) { start.wait() }
                continue
            }
            let state = region.load(ordering: .acquiring)
            guard isNew(state) else { continue }
            guard index < wanted.load(ordering: .relaxed) else {
                last = state >> 32
                continue
            }
            guard
                region.compareExchange(
                    expected: state, desired: state + 1, ordering: .acquiringAndReleasing
                ).exchanged
            else { continue }
            last = state >> 32
            work()
            let left = region.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue
            if left & WorkerPool.inside == 0 && left & WorkerPool.ownerSleeps != 0 { end.signal() }
        }
    }

    /// Spins for about 0.1 ms; returns whether the condition became true.
    private func wait(_ condition: () -> Bool) -> Bool {
        for _ in 0..<4000 {
            if condition() { return true }
            ck_pause()
        }
        return false
    }
}
