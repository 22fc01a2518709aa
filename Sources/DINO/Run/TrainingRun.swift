import Images
import Tensors
import ViT

/// A training run in a folder of its own, which can be stopped at any moment and resumed.
///
/// The folder holds
/// - `checkpoint.safetensors`: the complete state of the training: student, teacher, optimiser, centre, step and
///   configuration;
/// - `teacher.safetensors`: the student's moving average without its heads, with the official names; with feature
///   distillation also `student.safetensors`, the student itself;
/// - `log.jsonl`: one line per step, see ``TrainingRecord``;
/// - `loss.png`: see ``LossPlot``.
///
/// Each file except the log is written under a temporary name and renamed; the log grows by whole lines. A killed
/// run resumes from its checkpoint and gives the same bits as an uninterrupted one. The other files belong to the
/// run: they are rewritten with each checkpoint, and when a run is resumed.
///
/// Several processes can train together: each makes the same calls, reads its part of the pictures and holds the whole
/// state, and the first alone uses the folder. If one of them fails, all throw.
public struct TrainingRun: ~Copyable {
    /// The folder's path.
    public let folder: String
    /// The run's configuration.
    public let configuration: TrainingConfiguration
    /// The training and its networks.
    public internal(set) var trainer: DINOTrainer
    /// Monitors the training for a collapse.
    public internal(set) var watch: CollapseWatch
    /// The step that the run was resumed from; 0 for a new run.
    public let firstStep: Int

    /// Noteworthy conditions found at the start.
    public let notices: [Notice]

    let fingerprint: PictureFingerprint
    let contents: PictureContents
    /// The processes that train together.
    let communicator: any Communicator
    private let cache: PictureCache
    /// The unreadable pictures of all processes, found when training ends.
    private var unreadable: [Int: String] = [:]
    let loader: BatchLoader
    /// The log, on the first process.
    let log: OpenLog?
    var plot: LossPlot
    var rhythm: CheckpointSchedule

    /// Progress of training.
    public enum Event: Sendable {
        /// A step has ended.
        case step(TrainingRecord)
        /// The watch found a failure.
        case finding(CollapseWatch.Finding)
        /// A checkpoint has been written.
        case saved(step: Int)
    }

    /// How training ended.
    public enum Ending: Sendable, Hashable {
        /// All steps were taken.
        case complete
        /// The training was stopped before its end, and saved.
        case interrupted(step: Int)
    }

    /// Starts a run, or resumes one.
    ///
    /// - Parameters:
    ///   - folder: the run's folder, created if missing.
    ///   - configuration: the training's configuration.
    ///   - pictures: the pictures to train on.
    ///   - resuming: whether to resume if the folder holds a checkpoint.
    ///   - stepsPerCheckpoint: the number of steps between checkpoints; nil for checkpoints at the ends of epochs
    ///     and every five minutes.
    ///   - cacheBytes: the memory limit for decoded pictures in bytes.
    ///   - features: the source of the features to distil, if the options require them.
    ///   - communicator: the processes that train together, which divide the options' shares.
    ///   - start: returns the starting point of a new run; called on the first process.
    /// - Throws: ``TrainingRunError``, also if the folder holds a run and `resuming` is false, or a run with other
    ///   options or pictures, or one without its checkpoint; what `start` throws.
    /// - Complexity: O(pictures), each of which is hashed, plus O(parameters).
    public init(
        in folder: String, configuration: TrainingConfiguration, pictures: PictureFolder,
        resuming: Bool, stepsPerCheckpoint: Int? = nil, cacheBytes: Int = 1 << 30,
        features: FeatureSource? = nil, across communicator: any Communicator = Alone(),
        start: () throws -> StartingPoint = { StartingPoint() }
    ) throws {
        let fingerprint = PictureFingerprint(pictures.files)
        // The other processes compare their pictures and options with those of the first.
        let differences = configuration.differences(from: TrainingConfiguration(preset: .reference))
        let setting = Array("\(fingerprint) \(differences)".utf8)
        let expected = communicator.broadcast(setting)
        try communicator.together {
            if let fault = configuration.fault
                ?? configuration.fault(ofProcesses: communicator.count)
                ?? configuration.shortage(processes: communicator.count)
                ?? configuration.fault(of: features)
            {
                throw TrainingRunError.options(fault)
            }
            guard setting == expected else { throw TrainingRunError.otherProcess }
        }
        let cache = PictureCache(pictures, byteLimit: cacheBytes)
        let source = Self.batches(of: cache, configuration, features, across: communicator)
        let place = RunFolder(folder)
        let (options, batchSize) = (configuration.options, configuration.picturesPerStep)
        var featureTeacher: (any Backbone)?
        if case .network(let network) = features { featureTeacher = network }
        var trainer = DINOTrainer(
            options, featureTeacher: featureTeacher, batchSize: batchSize,
            stepsPerEpoch: source.stepsPerEpoch, across: communicator)
        var contents = PictureContents(digests: Tensor(repeating: 0, shape: [pictures.count]))
        var plot = LossPlot(
            outputs: options.objectives.usePrototypes ? options.targetHead.prototypes : nil)
        var watch = CollapseWatch(.init(configuration, pictures: pictures.count))
        var notices: [Notice] = []
        var log: OpenLog?
        try communicator.together {
            guard communicator.rank == 0 else { return }
            try place.make()
            // Checked again below, while the log's lock excludes other processes.
            _ = try place.hasCheckpoint()
            let opened = OpenLog(try TrainingLog(path: place.log))
            place.removeLeftovers()
            let checkpoint =
                try place.hasCheckpoint() ? Checkpoint(contentsOf: place.checkpoint) : nil
            if let checkpoint {
                guard resuming else {
                    throw TrainingRunError.holdsRun(folder: folder, step: checkpoint.step)
                }
                try checkpoint.check(configuration, fingerprint, folder: folder)
                trainer = try checkpoint.trainer(
                    configuration, featureTeacher, stepsPerEpoch: source.stepsPerEpoch,
                    across: communicator)
            } else {
                if let network = try start().network {
                    trainer = DINOTrainer(
                        options, startingFrom: network, featureTeacher: featureTeacher,
                        batchSize: batchSize, stepsPerEpoch: source.stepsPerEpoch,
                        across: communicator)
                }
                if resuming { notices.append(.startsAnew(folder: folder)) }
                if !opened.file.isEmpty {
                    notices.append(.logSetAside(path: try opened.file.setAside()))
                }
            }
            contents = PictureContents(pictures)
            let changed = try checkpoint?.contents().map(contents.indices(differingFrom:)) ?? []
            if let first = changed.first {
                notices.append(
                    .picturesChanged(
                        count: changed.count, of: pictures.count, first: pictures.path(of: first)))
            }
            try opened.file.cut(after: trainer.step) { record in
                plot.add(record)
                _ = watch.observe(record)
            }
            if plot.lastStep < trainer.step {
                notices.append(
                    .logEndsEarly(
                        path: place.log, step: plot.lastStep, checkpointStep: trainer.step))
            }
            log = opened
        }
        try trainer.receiveState()
        let (epoch, step) = trainer.step.quotientAndRemainder(dividingBy: source.stepsPerEpoch)
        loader = BatchLoader(
            source, epoch: epoch, step: step,
            lookAhead: configuration.bytesPerStep < 1 << 28 ? 2 : 1)
        self.communicator = communicator
        self.cache = cache
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
        rhythm = CheckpointSchedule(steps: stepsPerCheckpoint)
    }

    /// The source of this process's part of each batch.
    private static func batches(
        of cache: PictureCache, _ configuration: TrainingConfiguration,
        _ features: FeatureSource?, across communicator: any Communicator
    ) -> BatchSource {
        let batchSize = configuration.picturesPerStep
        let own = batchSize / communicator.count
        let part = communicator.rank * own..<(communicator.rank + 1) * own
        let (seed, masking) = (configuration.options.seed, configuration.masking)
        guard case .maps(let maps) = features else {
            return BatchSource(
                cache, views: configuration.crops, batchSize: batchSize, seed: seed,
                masking: masking, part: part)
        }
        return BatchSource(
            cache, crops: configuration.crops, maps: maps,
            patchSize: configuration.options.network.patchSize, batchSize: batchSize, seed: seed,
            masking: masking, part: part)
    }

    /// The configuration of the run in a folder; nil if there is none.
    ///
    /// - Throws: ``TrainingRunError`` if its checkpoint cannot be read.
    public static func configuration(
        in folder: String
    ) throws(TrainingRunError) -> TrainingConfiguration? {
        let place = RunFolder(folder)
        return try place.hasCheckpoint()
            ? try Checkpoint(contentsOf: place.checkpoint).configuration : nil
    }

    /// The reasons why pictures could not be read so far, one sentence each. Those of other processes are known once
    /// training has ended.
    public var skipped: [String] {
        let own = Dictionary(
            cache.unreadable.map { ($0.index, "\($0.reason)") }, uniquingKeysWith: { $1 })
        return unreadable.merging(own) { $1 }.sorted { $0.key < $1.key }.map(\.value)
    }

    /// Collects the unreadable pictures of all processes.
    mutating func collectUnreadable() {
        let own = cache.unreadable.map { "\($0.index) \($0.reason)" }.joined(separator: "\0")
        for list in communicator.gather(Array(own.utf8)) {
            for text in list.split(separator: 0) {
                let parts = text.split(separator: UInt8(ascii: " "), maxSplits: 1).map {
                    String(decoding: $0, as: UTF8.self)
                }
                if let index = Int(parts[0]) { unreadable[index] = parts.last }
            }
        }
    }
}

/// An open log, which some processes lack.
final class OpenLog {
    var file: TrainingLog

    init(_ file: consuming TrainingLog) { self.file = file }
}
