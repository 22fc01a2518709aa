import ArgumentParser
import DINO
import Tensors
import ViT

/// The initial weights of a run.
struct StartOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The network's initial weights, in any form that --weights of other commands accepts.",
            valueName: "file"))
    var initWeights: String?

    @Option(
        help: ArgumentHelp(
            """
            Epochs, or part of one, for which the network is frozen and only the new head learns, at \
            the peak rate. (default: 0; with --init-weights a quarter of the epochs, at most 1)
            """, valueName: "epochs"))
    var freezeBackbone: Double?

    func validate() throws {
        try check(freezeBackbone, DINOOptions.Bounds.frozenNetworkEpochs, "--freeze-backbone")
    }
}

/// Memory and checkpoints of a run.
struct ResourceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Megabytes for the activations that a step keeps for its gradients; crops that need more \
            pass through the network in groups. (default: 384)
            """, valueName: "megabytes"))
    var memoryLimit: Int?

    @Option(
        help: ArgumentHelp(
            "Megabytes for a cache of decoded pictures. (default: 1024)",
            valueName: "megabytes"))
    var cache: Int?

    @Option(
        help: ArgumentHelp(
            """
            Steps between two checkpoints. (default: at the end of each epoch and every five minutes, \
            using at most a fiftieth of the time)
            """, valueName: "steps"))
    var saveEvery: Int?

    /// The library's bound, which is in bytes.
    private static let memoryLimits: Bound<Int> = {
        let bytes = DINOOptions.Bounds.activationMemory.range
        return Bound("memory limit", bytes.lowerBound >> 20...bytes.upperBound >> 20)
    }()
    /// The upper limit is that of memory; the cache never exceeds the decoded pictures.
    private static let caches = Bound("cache", 0...memoryLimits.range.upperBound)

    func validate() throws {
        try check(memoryLimit, Self.memoryLimits, "--memory-limit")
        try check(cache, Self.caches, "--cache")
        try check(saveEvery, TrainingRun.checkpointIntervals, "--save-every")
    }
}

extension TrainingConfiguration.Preset: ExpressibleByArgument {}

extension StartOptions {
    /// Opens the initial weights; nil if there are none.
    ///
    /// - Parameter heads: their number of attention heads, if it is given.
    func opened(heads: Int?) throws -> WeightFile? {
        let network = try initWeights.map { path in
            do {
                let file = try WeightFile(contentsOf: path)
                // A number in the file takes precedence; `--arch` is checked against it later.
                if !file.headsAreAssumed || heads == nil { return file }
            } catch WeightsError.heads where heads != nil {
                // The file does not state the number, and width / 64 is not a whole number.
            }
            return try WeightFile(contentsOf: path, heads: heads)
        }
        if let network, network.headsAreAssumed {
            Note.heads(
                of: network.path, network.configuration,
                "use --arch WIDTHxDEPTHxHEADS to change it")
        }
        return network
    }
}
