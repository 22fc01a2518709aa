import ArgumentParser
import DINO
import Foundation
import Images
import ViT

/// Training on a folder of pictures.
struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train a network on a folder of pictures, without labels (DINO).",
        discussion: """
            Writes into --output: checkpoint.safetensors, the whole state, from which --resume goes \
            on; teacher.safetensors, the trained network for --weights of the other subcommands; \
            log.jsonl, a line a step; loss.png.

            An interrupt (control-C) or SIGTERM saves and ends; a second one ends at once. A closed \
            terminal (SIGHUP) and SIGUSR1 save and end, too.

            Defaults are the reference's, for a million pictures and days on many processors. For \
            fewer take --preset small (hours) or quick (minutes), and change single options.

            Example: dino-vit train photos/ --output run --preset quick
            Example: dino-vit train photos/ --output run --resume
            """)

    @Argument(
        help: ArgumentHelp(
            "The folder of PNG and JPEG files, also in its folders.", valueName: "dir"))
    var pictures: String

    @Option(
        help: ArgumentHelp("The folder of the run, made where it is missing.", valueName: "run"))
    var output: String

    @Flag(
        help: """
            Go on from the checkpoint in --output, or begin where there is none. Options that are \
            not given are the run's own.
            """)
    var resume = false

    @Option(
        help: """
            Options to begin with: reference, small, quick, auto, which goes by the number of pictures, or \
            distillation. (default: reference)
            """)
    var preset: TrainingConfiguration.Preset?

    @OptionGroup(title: "Network") var network: TrainedNetworkOptions
    @OptionGroup(title: "Crops") var crops: CropOptions
    @OptionGroup(title: "Steps") var schedule: ScheduleOptions
    @OptionGroup(title: "Objectives") var objectives: ObjectiveOptions
    @OptionGroup(title: "Teacher") var teacher: TeacherOptions
    @OptionGroup(title: "Weights to begin with") var start: StartOptions
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
            stoppingWhen: { interruption.isAsked }, observing: { report.show($0) })
        try report.end(run, ending)
    }
}
