import Images
import Tensors

extension TrainingRun {
    /// Trains until the end or until stopped, and saves.
    ///
    /// A resumed run first rewrites the results of its checkpoint, since a process killed between the two leaves
    /// those of the previous checkpoint.
    ///
    /// - Parameters:
    ///   - isStopping: called after each step; true stops the training, in the same step on all processes.
    ///   - observe: receives each event.
    /// - Returns: how the training ended.
    /// - Throws: if a file cannot be written, no picture can be read, or a loss or gradient is not finite; the last
    ///   checkpoint remains intact.
    @discardableResult
    public mutating func train(
        stoppingWhen isStopping: () -> Bool = { false },
        observing observe: (Event) -> Void = { _ in }
    ) throws -> Ending {
        if trainer.step > 0 {
            try communicator.together { if communicator.rank == 0 { try writeResults() } }
        }
        while !trainer.isComplete {
            let start = ContinuousClock.now
            let batch = try communicator.together { try loader.next() }
            let record = try step(batch, since: start)
            observe(.step(record))
            if let finding = watch.observe(record) { observe(.finding(finding)) }
            let endsEpoch = trainer.step % trainer.schedule.stepsPerEpoch == 0
            // Any process may receive the request to stop; the first one decides when to save.
            var flags: [UInt8] = [
                isStopping() ? 1 : 0,
                communicator.rank == 0 && rhythm.isDue(after: trainer.step, endsEpoch: endsEpoch)
                    ? 1 : 0,
            ]
            communicator.unite(&flags)
            let isStopped = flags[0] != 0
            if isStopped || trainer.isComplete || flags[1] != 0 {
                try save()
                observe(.saved(step: trainer.step))
            }
            if isStopped && !trainer.isComplete {
                collectUnreadable()
                return .interrupted(step: trainer.step)
            }
        }
        collectUnreadable()
        return .complete
    }

    /// Performs a step and appends its record to the log.
    private mutating func step(
        _ batch: MultiCropBatch, since start: ContinuousClock.Instant
    ) throws -> TrainingRecord {
        let contrast = FeatureReadings.contrast(of: batch.globals[0], across: communicator)
        let report: StepReport
        do throws(NonFiniteStep) {
            report = try trainer.step(batch)
        } catch {
            throw TrainingRunError.notFinite(watch.finding(error, contrast: contrast))
        }
        let record = TrainingRecord(
            report, contrast: contrast, seconds: (ContinuousClock.now - start) / .seconds(1))
        try communicator.together { try log?.file.append(record) }
        plot.add(record)
        return record
    }

    /// Writes the checkpoint, then the trained network and the plot, each atomically.
    ///
    /// - Throws: if a file cannot be written; its previous version remains.
    public mutating func save() throws {
        try communicator.together { if communicator.rank == 0 { try writeCheckpoint() } }
    }

    private mutating func writeCheckpoint() throws {
        let start = ContinuousClock.now
        // Before the checkpoint, so that the log is never behind it.
        try log?.file.synchronize()
        do {
            try Checkpoint.write(
                trainer, configuration: configuration, pictures: fingerprint, contents: contents,
                to: RunFolder(folder).checkpoint)
        } catch let error as TensorFileError {
            throw TrainingRunError.file(error)
        }
        try writeResults()
        rhythm.saved(since: start)
    }

    /// Writes the results so far: the trained network, and the plot if the log is complete.
    private func writeResults() throws {
        let place = RunFolder(folder)
        do {
            try trainer.teacher.backbone.write(to: place.teacher)
            if configuration.options.distillation != nil {
                try trainer.student.backbone.write(to: place.student)
            }
        } catch {
            throw TrainingRunError.file(error)
        }
        // If the log was lost, the existing plot is the last record of it.
        guard plot.lastStep == trainer.step else { return }
        do {
            try plot.image().writePNG(to: place.plot)
        } catch {
            throw TrainingRunError.picture(error)
        }
    }
}
