import ArgumentParser
import DINO
import Tensors
import ViT

/// Weights that a run begins with.
struct StartOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Weights of the network to begin with, in any form that --weights takes elsewhere.",
            valueName: "file"))
    var initWeights: String?

    @Option(
        help: ArgumentHelp(
            """
            Epochs in which the network stays as it is and the new head alone learns. (default: 0, \
            with --init-weights 1)
            """, valueName: "epochs"))
    var freezeBackbone: Int?

    func validate() throws {
        try check(freezeBackbone, DINOOptions.Bounds.frozenEpochs, "--freeze-backbone")
    }
}

/// What a run needs of the machine.
struct ResourceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Megabytes for what a step keeps for its gradients: crops that need more go through \
            the network in groups, one after the other. (default: 384)
            """, valueName: "megabytes"))
    var memoryLimit: Int?

    @Option(
        help: ArgumentHelp(
            "Megabytes for decoded pictures, which are then not decoded again. (default: 1024)",
            valueName: "megabytes"))
    var cache: Int?

    @Option(
        help: ArgumentHelp(
            """
            Steps between two checkpoints. (default: one at the end of an epoch and every five \
            minutes, but for no more than a fiftieth of the time)
            """, valueName: "steps"))
    var saveEvery: Int?

    /// The library's bound, which is in bytes.
    private static let memoryLimits: Bound<Int> = {
        let bytes = DINOOptions.Bounds.activationMemory.range
        return Bound("memory limit", bytes.lowerBound >> 20...bytes.upperBound >> 20)
    }()
    /// No more is kept than there is.
    private static let caches = Bound("cache", 0...memoryLimits.range.upperBound)

    func validate() throws {
        try check(memoryLimit, Self.memoryLimits, "--memory-limit")
        try check(cache, Self.caches, "--cache")
        try check(saveEvery, TrainingRun.checkpointIntervals, "--save-every")
    }
}

extension TrainingConfiguration.Preset: ExpressibleByArgument {}

/// The files that a run begins with, opened.
struct OpenedWeights {
    let network: WeightFile?

    /// Reads them.
    func point() throws -> StartingPoint {
        StartingPoint(network: try network?.network())
    }
}

extension StartOptions {
    /// - Parameter heads: attention heads of the weights to begin with, where they are known.
    func opened(heads: Int?) throws -> OpenedWeights {
        let network = try initWeights.map { path in
            do {
                let file = try WeightFile(contentsOf: path)
                // What the file says is not overruled: `--arch` is held against it.
                if !file.headsAreAssumed || heads == nil { return file }
            } catch WeightsError.heads where heads != nil {
                // Nothing tells, and no head has 64 channels.
            }
            return try WeightFile(contentsOf: path, heads: heads)
        }
        if let network, network.headsAreAssumed {
            Note.heads(
                of: network.path, network.configuration,
                "--arch WIDTHxDEPTHxHEADS gives another number")
        }
        return OpenedWeights(network: network)
    }
}
