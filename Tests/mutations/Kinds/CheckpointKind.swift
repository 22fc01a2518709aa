import DINO
import Images
import Platform
import Tensors
import ViT

/// The checkpoint of a training run, which is resumed from it for one step.
struct CheckpointKind: Kind {
    let name = "checkpoint"
    let fileName = "checkpoint.safetensors"
    let seeds: [[UInt8]]
    private let log: [UInt8]

    init() throws {
        seeds = try Self.checkpoints()
        log = try Self.validRun().log
    }

    func restructured(_ bytes: [UInt8], using random: inout Xoshiro256) -> [UInt8]? {
        SafetensorsFile.mutated(bytes, using: &random)
    }

    func prepare(_ folder: String) throws {
        for name in ["teacher.safetensors", "student.safetensors", "loss.png"] {
            FileSystem.remove(Path.joined(folder, name))
        }
        try ReplacingFile.write(to: Path.joined(folder, "log.jsonl")) { file throws(SystemError) in
            try file.write(log)
        }
    }

    func use(_ path: String) throws { try Self.resume(Path.folder(of: path)) }

    /// Resumes the run in a folder for one step.
    static func resume(_ folder: String) throws {
        guard let configuration = try TrainingRun.configuration(in: folder) else { return }
        // Large but valid configurations are not the subject of the test.
        guard configuration.cost <= 4 * configurations.get()[0].cost else { return }
        var run = try TrainingRun(
            in: folder, configuration: configuration, pictures: PictureFolder(pictures.get()),
            resuming: true, cacheBytes: 1 << 20, features: features(of: configuration))
        do {
            _ = try run.train(stoppingWhen: { true })
        } catch TrainingRunError.notFinite {
            // Non-finite elements are detected by the training step, whose error names the step.
        }
    }

    // MARK: Seeds

    /// The checkpoints of two steps of training with each configuration.
    static func checkpoints() throws -> [[UInt8]] {
        try configurations.get().map { try run($0).checkpoint }
    }

    /// A folder with a few small pictures.
    private static let pictures = Result {
        let folder = Path.joined(Scratch.folder, "pictures")
        try FileSystem.makeFolder(folder)
        for number in 0..<3 {
            try Fixtures.photo(number).writePNG(to: Path.joined(folder, "\(number).png"))
        }
        return folder
    }

    private static let configurations = Result {
        var options = DINOOptions(network: Fixtures.network, head: .init(prototypes: 6))
        options.head.hiddenWidth = 8
        options.head.bottleneckWidth = 4
        options.epochs = 4
        options.warmupEpochs = 1
        var plain = TrainingConfiguration(options: options)
        (plain.crops.globalSide, plain.crops.localSide, plain.crops.localCount) = (8, 4, 1)
        plain.batchSize = 2
        var other = plain
        other.options.optimizer = .lars
        other.options.head.hasBatchNorm = true
        other.options.head.learnsMagnitude = true
        other.options.gradientClip = nil
        var distilled = plain
        distilled.options.optimizer = .sgd
        let source = FeatureSource.network(Fixtures.model)
        distilled.options.distillation = DistillationOptions(
            teacher: source.teacher, channels: source.channels)
        distilled.options.objectives.dino = 0
        var masked = plain
        masked.options.network.hasMaskToken = true
        masked.options.objectives = ObjectiveWeights(dino: 1, ibot: 1, koLeo: 0.1)
        masked.options.patchHead = masked.options.head
        masked.options.loss.targets = .sinkhornKnopp
        return [plain, other, distilled, masked]
    }

    /// The teacher network of a distillation; nil for other objectives.
    private static func features(of configuration: TrainingConfiguration) -> FeatureSource? {
        configuration.options.distillation.map { _ in .network(Fixtures.model) }
    }

    /// Trains for two steps and returns the files.
    static func run(
        _ configuration: TrainingConfiguration
    ) throws -> (checkpoint: [UInt8], log: [UInt8]) {
        let folder = Path.joined(Scratch.folder, "seed-run")
        let paths = ["checkpoint.safetensors", "log.jsonl"].map { Path.joined(folder, $0) }
        Scratch.remove(folder)
        var run = try TrainingRun(
            in: folder, configuration: configuration, pictures: PictureFolder(pictures.get()),
            resuming: false, features: features(of: configuration))
        var steps = 0
        _ = try run.train(stoppingWhen: {
            steps += 1
            return steps == 2
        })
        return (try Fixtures.bytes(of: paths[0]), try Fixtures.bytes(of: paths[1]))
    }

    /// A valid checkpoint after two steps, and its log.
    static func validRun() throws -> (checkpoint: [UInt8], log: [UInt8]) {
        try run(configurations.get()[0])
    }
}

extension TrainingConfiguration {
    /// A measure of a step's work and of the memory for its crops.
    fileprivate var cost: Double {
        func square(_ side: Int) -> Double { Double(side) * Double(side) }
        let pixels =
            2 * square(crops.globalSide) + Double(crops.localCount) * square(crops.localSide)
        return pixels * Double(batchSize) * Double(accumulation)
    }
}
