internal import CKernels
import Dispatch
import Foundation
import Synchronization

/// Threads that share a region's tasks with the one that opens it, and wait awake for the next for a
/// tenth of a millisecond: a training step has more than a thousand regions, many as short as waking a
/// thread takes.
///
/// A thread joins a region if it comes in time: the one that has opened it does tasks itself, closes it
/// when none are left to begin, and waits only for those that have begun one.
///
/// `@unchecked Sendable`: `job` is written by whoever has taken the crew, before the region is opened,
/// and read by those that have joined it, before it is left by all.
final class Crew: @unchecked Sendable {
    static let shared = Crew(threads: Parallelism.processorCount - 1)

    private var job: (count: Int, body: (Int) -> Void) = (0, { _ in })

    /// Whether a region is at work, from before it is opened until all have left it.
    private let isTaken = Atomic(false)
    /// How many threads beside its own the region asks for.
    private let wanted = Atomic(0)
    /// The next task.
    private let next = Atomic(0)
    /// The region's number, whether it can be joined, whether its owner sleeps, and how many are in it.
    private let region = Atomic(0)
    private static let one = 1 << 32
    private static let isOpen = 1 << 31
    private static let ownerSleeps = 1 << 30
    private static let inside = (1 << 30) - 1

    /// How many threads sleep, or are about to.
    private let sleepers = Atomic(0)
    private let start = DispatchSemaphore(value: 0)
    private let end = DispatchSemaphore(value: 0)

    init(threads: Int) {
        for index in 0..<threads {
            Thread.detachNewThread { self.serve(as: index) }
        }
    }

    /// Does the tasks of a region with up to `threads` others.
    ///
    /// - Returns: `false`, with nothing done, if another region is at work: one of another thread, or that of
    ///   which this is a task.
    func perform(count: Int, threads: Int, _ body: (Int) -> Void) -> Bool {
        guard
            isTaken.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
        else { return false }
        withoutActuallyEscaping(body) { body in
            job = (count, body)
            next.store(0, ordering: .relaxed)
            wanted.store(threads, ordering: .relaxed)
            let number = (region.load(ordering: .relaxed) & ~(Crew.one - 1)) &+ Crew.one
            region.store(number | Crew.isOpen, ordering: .sequentiallyConsistent)
            for _ in 0..<sleepers.exchange(0, ordering: .sequentiallyConsistent) { start.signal() }

            work()
            _ = region.bitwiseXor(Crew.isOpen, ordering: .acquiringAndReleasing)
            func isLeft(_ state: Int) -> Bool { state & Crew.inside == 0 }
            if !wait({ isLeft(self.region.load(ordering: .acquiring)) }),
                !isLeft(
                    region.bitwiseOr(Crew.ownerSleeps, ordering: .acquiringAndReleasing).oldValue)
            {
                end.wait()
            }
            job = (0, { _ in })
        }
        isTaken.store(false, ordering: .releasing)
        return true
    }

    /// Begins tasks until none are left. Not to be inlined: with its return every reference to the body is
    /// gone, which must not outlive the region.
    @inline(never)
    private func work() {
        let job = job
        while true {
            let task = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard task < job.count else { return }
            job.body(task)
        }
    }

    /// A thread's life.
    private func serve(as index: Int) {
        var last = 0
        func isNew(_ state: Int) -> Bool {
            state & Crew.isOpen != 0 && state >> 32 != last
        }
        while true {
            if !wait({ isNew(self.region.load(ordering: .acquiring)) }) {
                sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
                // A region that was opened in between has not counted this thread.
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
            if left & Crew.inside == 0 && left & Crew.ownerSleeps != 0 { end.signal() }
        }
    }

    /// Waits awake for a while; whether the condition came true.
    private func wait(_ condition: () -> Bool) -> Bool {
        for _ in 0..<4000 {
            if condition() { return true }
            ck_pause()
        }
        return false
    }
}
