import Foundation
import Platform

/// Prefetches batches on a background thread with low priority.
///
/// The batches are those of a ``BatchSource`` from a given step on, in order, epoch after epoch; prefetching does
/// not affect their contents. For a single consumer.
public final class BatchLoader: Sendable {
    /// The source of the batches.
    public let source: BatchSource
    private let shelf: BatchQueue

    /// Starts prefetching at once.
    ///
    /// - Parameters:
    ///   - source: the source of the batches.
    ///   - epoch: the epoch of the first batch.
    ///   - step: the step of the first batch, counted from 0 in each epoch.
    ///   - lookAhead: the maximum number of batches that are finished or in preparation. A batch takes
    ///     `batchSize * 12 * (2 * globalSide^2 + localCount * localSide^2)` bytes.
    /// - Precondition: `step` is below the source's `stepsPerEpoch`, `lookAhead` at least 1.
    public init(_ source: BatchSource, epoch: Int = 0, step: Int = 0, lookAhead: Int = 2) {
        require(
            epoch >= 0 && 0 <= step && step < source.stepsPerEpoch && lookAhead > 0,
            "BatchLoader: \(lookAhead) batches ahead from step \(step) of"
                + " \(source.stepsPerEpoch) in epoch \(epoch)")
        self.source = source
        let shelf = BatchQueue(room: lookAhead)
        self.shelf = shelf
        let thread = Thread {
            yieldToOthers()
            var (number, step) = (epoch, step)
            var epoch = source.epoch(number)
            while shelf.waitForRoom() {
                let batch = Result { () throws(BatchError) in try epoch.batch(step) }
                shelf.put(batch)
                guard case .success = batch else { return }
                step += 1
                if step == source.stepsPerEpoch {
                    (number, step) = (number + 1, 0)
                    epoch = source.epoch(number)
                }
            }
        }
        thread.name = "batches"
        thread.start()
    }

    deinit {
        shelf.close()
    }

    /// Returns the next batch, waiting until it is ready.
    ///
    /// - Throws: ``BatchError`` if a batch could not be made; every later call then throws the same error.
    public func next() throws(BatchError) -> MultiCropBatch {
        try shelf.take().get()
    }
}

/// A bounded queue of finished batches.
///
/// `@unchecked Sendable`: mutable state is accessed only while the condition's lock is held.
private final class BatchQueue: @unchecked Sendable {
    private let condition = NSCondition()
    private let room: Int
    private var batches: [Result<MultiCropBatch, BatchError>] = []
    private var isClosed = false

    init(room: Int) {
        self.room = room
    }

    /// Waits until there is room for another batch; false if the queue has been closed.
    func waitForRoom() -> Bool {
        condition.withLock {
            while batches.count >= room && !isClosed { condition.wait() }
            return !isClosed
        }
    }

    func put(_ batch: Result<MultiCropBatch, BatchError>) {
        condition.withLock {
            batches.append(batch)
            condition.broadcast()
        }
    }

    /// Removes the first batch. Once a batch has failed, every later call fails too.
    func take() -> Result<MultiCropBatch, BatchError> {
        condition.withLock {
            while batches.isEmpty { condition.wait() }
            if case .failure = batches[0] { return batches[0] }
            defer { condition.broadcast() }
            return batches.removeFirst()
        }
    }

    func close() {
        condition.withLock {
            isClosed = true
            condition.broadcast()
        }
    }
}

/// Lowers the thread's priority, so that the training step's own threads run first.
private func yieldToOthers() {
    #if os(Linux)
        // PRIO_PROCESS of the caller; on Linux that is this thread alone.
        _ = setpriority(0, 0, 10)
    #else
        Thread.current.qualityOfService = .utility
    #endif
}
