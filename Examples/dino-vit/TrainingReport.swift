import DINO
import Foundation

/// Shows the progress, warnings and summary of a training run.
struct TrainingReport {
    private let configuration: TrainingConfiguration
    private let schedule: DINOSchedule
    private let isQuiet: Bool
    private var progress: Progress
    private var first: TrainingRecord?
    private var last: TrainingRecord?

    init(_ run: borrowing TrainingRun, quiet: Bool) {
        configuration = run.configuration
        schedule = run.trainer.schedule
        isQuiet = quiet
        let pictures = configuration.picturesPerStep
        progress = Progress(
            schedule.steps * pictures, of: "pictures", from: run.firstStep * pictures,
            quiet: quiet)
        for notice in run.notices where notice.isWarning || !quiet {
            Terminal.note("\(notice.isWarning ? "warning: " : "")\(notice)")
        }
    }

    mutating func show(_ event: TrainingRun.Event) {
        switch event {
        case .step(let record):
            if first == nil { first = record }
            last = record
            let (epochs, steps) = (configuration.options.epochs, schedule.steps)
            progress.advance(
                by: configuration.picturesPerStep,
                noting: "epoch \(record.epoch) of \(epochs), step \(record.step) of \(steps),"
                    + " loss \(figure(record.loss))")
        case .finding(let finding):
            progress.finish()
            Terminal.note("warning: \(finding)")
        case .saved: break
        }
    }

    /// Writes the summary.
    ///
    /// - Throws: `Failure` if the run was interrupted.
    mutating func end(_ run: borrowing TrainingRun, _ ending: TrainingRun.Ending) throws {
        progress.finish()
        Terminal.noteSkipped(run.skipped)
        if case .interrupted(let step) = ending {
            throw Failure(
                "interrupted after step \(step) of \(schedule.steps), saved in \(run.folder);"
                    + " continue with --resume")
        }
        guard !isQuiet else { return }
        guard let first, let last else {
            Terminal.say("\(run.folder): training is complete after \(schedule.steps) steps")
            return
        }
        Terminal.say(
            "\(run.folder)/teacher.safetensors: \(configuration.options.network.name),"
                + " \(last.step) steps (\(configuration.options.epochs) epochs);"
                + " loss \(figure(first.loss)) to \(figure(last.loss))")
        Terminal.say("also written: checkpoint.safetensors, log.jsonl, loss.png")
        if !run.skipped.isEmpty {
            Terminal.say("skipped \(run.skipped.count) files that could not be read")
        }
        let findings = run.watch.findings
        if !findings.isEmpty {
            let steps = findings.map { "\($0.step)" }.joined(separator: ", ")
            Terminal.say("the collapse watch gave warnings at step \(steps); see above")
        }
    }

}

private func figure(_ value: Double) -> String { String(format: "%.3f", value) }
