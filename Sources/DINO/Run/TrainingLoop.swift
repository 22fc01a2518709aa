import Images
import Tensors

extension TrainingRun {
    /// Trains until the end or until it is asked to stop, and saves.
    ///
    /// - Parameters:
    ///   - isStopping: asked after each step.
    ///   - observe: told what happens.
    /// A run that goes on first writes what its checkpoint gives: whoever was killed after a checkpoint
    /// left that of the one before it.
    ///
    /// - Throws: where a file cannot be written, no picture can be read, or a loss or gradient is not
    ///   finite; the last checkpoint is whole then.
    public mutating func train(
        stoppingWhen isStopping: () -> Bool = { false },
        observing observe: (Event) -> Void = { _ in }
    ) throws -> Ending {
        if trainer.step > 0 { try writeResults() }
        while trainer.step < trainer.schedule.steps {
            let start = ContinuousClock.now
            let record = try step(try loader.next(), since: start)
            observe(.step(record))
            if let finding = watch.observe(record) { observe(.finding(finding)) }
            let isStopped = isStopping()
            let endsEpoch = trainer.step % trainer.schedule.stepsPerEpoch == 0
            if isStopped || trainer.step == trainer.schedule.steps
                || rhythm.isDue(after: trainer.step, endsEpoch: endsEpoch)
            {
                try save()
                observe(.saved(step: trainer.step))
            }
            if isStopped && trainer.step < trainer.schedule.steps {
                return .interrupted(step: trainer.step)
            }
        }
        return .complete
    }

    /// Takes a step and writes its line.
    private mutating func step(
        _ batch: MultiCropBatch, since start: ContinuousClock.Instant
    ) throws -> TrainingRecord {
        let contrast = FeatureReadings.contrast(of: batch.globals[0])
        let report: StepReport
        do throws(NonFiniteStep) {
            report = try trainer.step(batch)
        } catch {
            throw TrainingRunError.notFinite(watch.finding(error, contrast: contrast))
        }
        let record = TrainingRecord(
            report, contrast: contrast, seconds: (ContinuousClock.now - start) / .seconds(1))
        try log.append(record)
        plot.add(record)
        return record
    }

    /// Writes the checkpoint, then the trained network and the plot, each whole or not at all.
    ///
    /// - Throws: where one cannot be written; what stood at its place still does.
    public mutating func save() throws {
        let start = ContinuousClock.now
        // Before the checkpoint, so that the log reaches as far.
        try log.synchronize()
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

    /// Writes what the training gives so far: the trained network, and the plot where the log has all
    /// steps that are to be had.
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
        // Where the log was lost, the plot is the last that there is of it.
        guard plot.lastStep == trainer.step else { return }
        do {
            try plot.image().writePNG(to: place.plot)
        } catch {
            throw TrainingRunError.picture(error)
        }
    }
}
