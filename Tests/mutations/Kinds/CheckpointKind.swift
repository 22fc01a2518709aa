import DINO
import Images
import Platform
import Tensors
import ViT

/// The checkpoint of a run of training, which goes on from it by one step.
struct CheckpointKind: Kind {
    let name = "checkpoint"
    let fileName = "checkpoint.safetensors"
    let seeds: [[UInt8]]
    private let log: [UInt8]

    init() throws {
        seeds = try Self.checkpoints()
        log = try Self.sound().log
    }

    func restructured(_ bytes: [UInt8], using chance: inout Xoshiro256) -> [UInt8]? {
        guard var file = SafetensorsFile(bytes) else { return nil }
        file.mutate(using: &chance)
        return file.bytes
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

    /// Goes on with the run that a folder holds by one step.
    static func resume(_ folder: String) throws {
        guard let configuration = try TrainingRun.configuration(in: folder) else { return }
        // What a configuration may ask for in earnest is not what is tested.
        guard configuration.cost <= 4 * configurations.get()[0].cost else { return }
        var run = try TrainingRun(
            in: folder, configuration: configuration, pictures: PictureFolder(pictures.get()),
            resuming: true, cacheBytes: 1 << 20, features: features(of: configuration))
        do {
            _ = try run.train(stoppingWhen: { true })
        } catch TrainingRunError.notFinite {
            // Elements that are not finite are found by the step, which names it.
        }
    }

    // MARK: Seeds

    /// Runs of one step and of two.
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

    /// The network to learn from, where there is one.
    private static func features(of configuration: TrainingConfiguration) -> FeatureSource? {
        configuration.options.distillation.map { _ in .network(Fixtures.model) }
    }

    /// Takes two steps.
    static func run(
        _ configuration: TrainingConfiguration
    ) throws -> (checkpoint: [UInt8], log: [UInt8]) {
        let folder = Path.joined(Scratch.folder, "seed-run")
        let places = ["checkpoint.safetensors", "log.jsonl"].map { Path.joined(folder, $0) }
        Scratch.remove(folder)
        var run = try TrainingRun(
            in: folder, configuration: configuration, pictures: PictureFolder(pictures.get()),
            resuming: false, features: features(of: configuration))
        var steps = 0
        _ = try run.train(stoppingWhen: {
            steps += 1
            return steps == 2
        })
        return (try Fixtures.bytes(of: places[0]), try Fixtures.bytes(of: places[1]))
    }

    /// A log of two steps beside its checkpoint.
    static func sound() throws -> (checkpoint: [UInt8], log: [UInt8]) {
        try run(configurations.get()[0])
    }
}

extension TrainingConfiguration {
    /// About the work of a step and the memory for its crops.
    fileprivate var cost: Double {
        func square(_ side: Int) -> Double { Double(side) * Double(side) }
        let pixels =
            2 * square(crops.globalSide) + Double(crops.localCount) * square(crops.localSide)
        return pixels * Double(batchSize) * Double(accumulation)
    }
}
