import Foundation
import Images
import Tensors
import ViT

/// A run of training in a folder of its own, which can be stopped at any instant and go on.
///
/// The folder holds
/// - `checkpoint.safetensors`: everything there is to the training, student, teacher, optimiser,
///   centre, step and configuration;
/// - `teacher.safetensors`: the student's moving average without its heads, with the official names; where it
///   learns from another network, `student.safetensors`, the student itself, too;
/// - `log.jsonl`: a line a step, see ``TrainingRecord``;
/// - `loss.png`: see ``LossPlot``.
///
/// Each but the log is written beside its place and renamed; the log grows by whole lines. A run that
/// was killed goes on from its checkpoint and gives the same bits as one that was not. The other files
/// are the run's own: they are written anew with each checkpoint, and when a run goes on.
public struct TrainingRun: ~Copyable {
    public let folder: String
    public let configuration: TrainingConfiguration
    public internal(set) var trainer: DINOTrainer
    public internal(set) var watch: CollapseWatch
    /// The step that the run went on from; 0 for one that began.
    public let firstStep: Int

    /// What was found at the start.
    public let notices: [Notice]

    let fingerprint: PictureFingerprint
    let contents: PictureContents
    let loader: BatchLoader
    var log: TrainingLog
    var plot: LossPlot
    var rhythm: SaveRhythm

    /// What happened while training.
    public enum Event: Sendable {
        /// A step was taken.
        case step(TrainingRecord)
        /// The watch found something.
        case finding(CollapseWatch.Finding)
        /// A checkpoint was written.
        case saved(step: Int)
    }

    /// How a training ended.
    public enum Ending: Sendable, Hashable {
        case complete
        /// Stopped before its end and saved.
        case interrupted(step: Int)
    }

    /// Begins a run, or goes on with one.
    ///
    /// - Parameters:
    ///   - folder: made where it is missing.
    ///   - resuming: whether to go on where the folder holds a checkpoint.
    ///   - stepsPerCheckpoint: nil for checkpoints at the ends of epochs and every five minutes.
    ///   - cacheBytes: for decoded pictures.
    ///   - features: where the features come from that are learnt, where the options ask for them.
    ///   - start: what a run that begins starts from.
    /// - Throws: ``TrainingRunError``, also where the folder holds a run and `resuming` is false, or
    ///   one with other options or pictures or without its checkpoint; what `start` throws.
    /// - Complexity: O(pictures), of which each is looked at, beside O(parameters).
    public init(
        in folder: String, configuration: TrainingConfiguration, pictures: PictureFolder,
        resuming: Bool, stepsPerCheckpoint: Int? = nil, cacheBytes: Int = 1 << 30,
        features: FeatureSource? = nil,
        start: () throws -> StartingPoint = { StartingPoint() }
    ) throws {
        if let fault = configuration.fault ?? configuration.shortage() {
            throw TrainingRunError.options(fault)
        }
        if let fault = configuration.fault(of: features) { throw TrainingRunError.options(fault) }
        var maps: TeacherMaps?
        var featureTeacher: (any Backbone)?
        switch features {
        case .network(let network): featureTeacher = network
        case .maps(let files): maps = files
        case nil: break
        }
        let source = BatchSource(
            PictureCache(pictures, byteLimit: cacheBytes), multiCrop: configuration.crops,
            batchSize: configuration.picturesPerStep, seed: configuration.options.seed,
            maps: maps.map { ($0, configuration.options.network.patchSize) },
            masking: configuration.masking)
        let place = RunFolder(folder)
        try place.make()
        // Again below, when no other process can change it.
        _ = try place.hasCheckpoint()
        var log = try TrainingLog(path: place.log)
        place.removeLeftovers()
        let fingerprint = PictureFingerprint(pictures.files)
        let checkpoint =
            try place.hasCheckpoint() ? Checkpoint(contentsOf: place.checkpoint) : nil
        let trainer: DINOTrainer
        var notices: [Notice] = []
        if let checkpoint {
            guard resuming else {
                throw TrainingRunError.holdsRun(folder: folder, step: checkpoint.step)
            }
            try checkpoint.check(configuration, fingerprint, folder: folder)
            trainer = try checkpoint.trainer(
                configuration, featureTeacher, stepsPerEpoch: source.stepsPerEpoch)
        } else {
            let start = try start()
            trainer = DINOTrainer(
                configuration.options, startingFrom: start.network, featureTeacher: featureTeacher,
                batchSize: configuration.picturesPerStep, stepsPerEpoch: source.stepsPerEpoch)
            if resuming { notices.append(.startsAnew(folder: folder)) }
            if !log.isEmpty { notices.append(.logSetAside(path: try log.setAside())) }
        }
        let contents = PictureContents(pictures)
        let changed = try checkpoint?.contents().map(contents.indices(differingFrom:)) ?? []
        if let first = changed.first {
            notices.append(
                .picturesChanged(
                    count: changed.count, of: pictures.count, first: pictures.path(of: first)))
        }
        let options = configuration.options
        var plot = LossPlot(
            outputs: options.objectives.needPrototypes ? options.head.prototypes : nil)
        var watch = CollapseWatch(.init(configuration, pictures: pictures.count))
        try log.cut(after: trainer.step) { record in
            plot.add(record)
            _ = watch.observe(record)
        }
        if plot.lastStep < trainer.step {
            notices.append(
                .logEndsEarly(
                    path: place.log, step: plot.lastStep, checkpointStep: trainer.step))
        }
        let (epoch, step) = trainer.step.quotientAndRemainder(dividingBy: source.stepsPerEpoch)
        loader = BatchLoader(
            source, epoch: epoch, step: step,
            lookAhead: configuration.bytesPerStep < 1 << 28 ? 2 : 1)
        self.folder = folder
        self.configuration = configuration
        self.notices = notices
        self.fingerprint = fingerprint
        self.contents = contents
        self.log = log
        self.plot = plot
        self.watch = watch
        self.trainer = trainer
        firstStep = trainer.step
        rhythm = SaveRhythm(steps: stepsPerCheckpoint)
    }

    /// The configuration of the run that a folder holds; nil where it holds none.
    ///
    /// - Throws: ``TrainingRunError`` where its checkpoint cannot be read.
    public static func configuration(
        in folder: String
    ) throws(TrainingRunError) -> TrainingConfiguration? {
        let place = RunFolder(folder)
        return try place.hasCheckpoint()
            ? try Checkpoint(contentsOf: place.checkpoint).configuration : nil
    }

    /// Why pictures could not be read so far, a sentence each.
    public var skipped: [String] { loader.source.cache.unreadable.map { "\($0.reason)" } }
}
