import Foundation
import Platform

/// Makes batches ahead of the step that needs them, on a thread of its own with low priority.
///
/// The batches are those of a ``BatchSource`` from a given step on, in their order, epoch after epoch;
/// when they are made changes nothing about them. For one user at a time.
public final class BatchLoader: Sendable {
    public let source: BatchSource
    private let shelf: Shelf

    /// Starts to make batches at once.
    ///
    /// - Parameters:
    ///   - epoch: the first batch's; `step` likewise, counted from 0 in each epoch.
    ///   - lookAhead: how many batches wait or are being made at most. A batch takes
    ///     `batchSize * 12 * (2 * globalSide^2 + localCount * localSide^2)` bytes.
    /// - Precondition: `step` is below the source's `stepsPerEpoch`, `lookAhead` at least 1.
    public init(_ source: BatchSource, epoch: Int = 0, step: Int = 0, lookAhead: Int = 2) {
        require(
            epoch >= 0 && 0 <= step && step < source.stepsPerEpoch && lookAhead > 0,
            "BatchLoader: \(lookAhead) batches ahead from step \(step) of"
                + " \(source.stepsPerEpoch) in epoch \(epoch)")
        self.source = source
        let shelf = Shelf(room: lookAhead)
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

    /// The next batch; waits until it is made.
    ///
    /// - Throws: ``BatchError`` where not one picture can be read, now and ever after.
    public func next() throws(BatchError) -> MultiCropBatch {
        try shelf.take().get()
    }
}

/// Where batches wait.
///
/// `@unchecked Sendable`: what can change is touched only while the condition's lock is held.
private final class Shelf: @unchecked Sendable {
    private let condition = NSCondition()
    private let room: Int
    private var batches: [Result<MultiCropBatch, BatchError>] = []
    private var isClosed = false

    init(room: Int) {
        self.room = room
    }

    /// Waits until a batch more is wanted; false if none will be.
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

    /// A failure stays.
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

/// Lets the step's own threads go first: batches have until the next step.
private func yieldToOthers() {
    #if os(Linux)
        // PRIO_PROCESS of the caller, which there is the one thread.
        _ = setpriority(0, 0, 10)
    #else
        Thread.current.qualityOfService = .utility
    #endif
}
