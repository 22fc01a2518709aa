import ArgumentParser
import DINO
import Foundation
import Images
import Tensors
import ViT

/// Trains a network on a folder of pictures.
struct Train: ParsableCommand, RunsOnSeveralProcesses {
    static let configuration = CommandConfiguration(
        abstract: "Train a network on a folder of pictures, without labels (DINO).",
        discussion: """
            Writes into --output: checkpoint.safetensors, the complete state, from which --resume \
            continues; teacher.safetensors, the trained network for --weights of the other \
            subcommands; log.jsonl, one line per step; loss.png.

            An interrupt (control-C) or SIGTERM saves and stops; a second one stops at once. A closed \
            terminal (SIGHUP) and SIGUSR1 save and stop, too.

            Defaults are the reference's, for a million pictures and days on many processors. For \
            smaller sets use --preset small (hours) or quick (minutes), and change single options.

            Several processes started by mpirun (if the package was built with the trait MPI) train \
            together, on one or several machines; --batch-size counts the pictures of all of them.

            Example: dino-vit train photos/ --output run --preset quick
            Example: dino-vit train photos/ --output run --resume
            """)

    @Argument(
        help: ArgumentHelp(
            "The folder of PNG and JPEG files, including its subfolders.", valueName: "dir"))
    var pictures: String

    @Option(
        help: ArgumentHelp("The folder of the run, created if it is missing.", valueName: "run"))
    var output: String

    @Flag(
        help: """
            Continue from the checkpoint in --output, or start if there is none. Options that are not \
            given keep the run's values.
            """)
    var resume = false

    @Option(
        help: """
            The preset that options start from: reference, small, quick, auto (chosen by the number of \
            pictures) or distillation. (default: reference)
            """)
    var preset: TrainingConfiguration.Preset?

    @OptionGroup(title: "Network") var network: TrainedNetworkOptions
    @OptionGroup(title: "Crops") var crops: CropOptions
    @OptionGroup(title: "Steps") var schedule: ScheduleOptions
    @OptionGroup(title: "Objectives") var objectives: ObjectiveOptions
    @OptionGroup(title: "Teacher") var teacher: TeacherOptions
    @OptionGroup(title: "Initial weights") var start: StartOptions
    @OptionGroup(title: "Memory and files") var resources: ResourceOptions
    @OptionGroup var options: RunOptions

    func run() throws {
        options.apply()
        let ranks = Processes.all
        let folder = try ranks.together { try PictureFolder(pictures) }
        if let summary = folder.passedOver.summary, !options.quiet {
            Terminal.note("ignored in \(pictures): \(summary)")
        }
        let stored = try storedConfiguration()
        let starting = try ranks.together { try start.opened(heads: network.arch?.heads) }
        let features = try ranks.together { try objectives.source(for: folder) }
        let configuration = try ranks.together {
            try self.configuration(starting, features, pictures: folder.count, stored: stored)
        }
        if preset == .auto, stored == nil, !options.quiet {
            Terminal.note("for \(folder.count) pictures: \(configuration.sentenceOfDataSize)")
        }
        if ranks.count > 1, !options.quiet {
            Terminal.note(
                "\(ranks.count) processes train together:"
                    + " \(configuration.picturesPerStep / ranks.count) of the"
                    + " \(configuration.picturesPerStep) pictures of a step each,"
                    + " \(Parallelism.threadCount) threads in the first")
        }
        var run = try TrainingRun(
            in: output, configuration: configuration, pictures: folder, resuming: resume,
            stepsPerCheckpoint: resources.saveEvery,
            cacheBytes: (resources.cache ?? 1024) << 20, features: features, across: ranks,
            start: { StartingPoint(network: try starting?.network()) })
        let interruption = Interruption()
        var report = TrainingReport(run, quiet: options.quiet)
        let ending = try run.train(
            stoppingWhen: { interruption.isRequested }, observing: { report.show($0) })
        try report.end(run, ending)
    }

    /// The configuration of the run that is resumed, read by the first process; nil if there is none.
    private func storedConfiguration() throws -> TrainingConfiguration? {
        let ranks = Processes.all
        let own = try ranks.together {
            resume && ranks.rank == 0 ? try TrainingRun.configuration(in: output) : nil
        }
        guard ranks.count > 1 else { return own }
        let text = try ranks.broadcast(Array(JSONEncoder().encode(own)))
        return try JSONDecoder().decode(TrainingConfiguration?.self, from: Data(text))
    }
}
