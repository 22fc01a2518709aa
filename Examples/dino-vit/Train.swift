import ArgumentParser
import DINO
import Foundation
import Images
import ViT

/// Trains a network on a folder of pictures.
struct Train: ParsableCommand {
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
        let folder = try PictureFolder(pictures)
        if let summary = folder.passedOver.summary, !options.quiet {
            Terminal.note("passed over in \(pictures): \(summary)")
        }
        let stored = resume ? try TrainingRun.configuration(in: output) : nil
        let starting = try start.opened(heads: network.arch?.heads)
        let features = try objectives.source(for: folder)
        let configuration = try configuration(
            starting, features, pictures: folder.count, stored: stored)
        if preset == .auto, stored == nil, !options.quiet {
            Terminal.note("for \(folder.count) pictures: \(configuration.sentenceOfDataSize)")
        }
        var run = try TrainingRun(
            in: output, configuration: configuration, pictures: folder, resuming: resume,
            stepsPerCheckpoint: resources.saveEvery,
            cacheBytes: (resources.cache ?? 1024) << 20, features: features,
            start: { try starting.point() })
        let interruption = Interruption()
        var report = TrainingReport(run, quiet: options.quiet)
        let ending = try run.train(
            stoppingWhen: { interruption.isRequested }, observing: { report.show($0) })
        try report.end(run, ending)
    }
}
