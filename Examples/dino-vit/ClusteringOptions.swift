import ArgumentParser
import Descriptors
import Platform
import ViT

/// The options that `segment` and `parts` share: how descriptors are clustered, or a saved model to apply.
struct ClusteringOptions: ParsableArguments {
    @OptionGroup var features: FeatureArguments

    @Flag(help: "Use log-binned descriptors, which have 17 times the channels.")
    var bin = false

    @Option(
        help: """
            Add clusters while each lowers the mean squared distance below this times its previous \
            value. (default: 0.975)
            """)
    var elbow: Double?

    @Option(
        help: """
            A photo votes for a cluster whose mean saliency, 0…1, is above this. (default: the \
            network's, or \(SaliencyMap.usualThreshold))
            """)
    var threshold: Float?

    @Option(
        help: ArgumentHelp(
            "The percentage of photos whose votes make a cluster foreground. (default: 75)",
            valueName: "percent"))
    var votes: Int?

    @Option(help: "Cluster every N-th descriptor of each photo. (default: 100)")
    var sampleInterval: Int?

    @Flag(help: "Compute saliency at full instead of half the photo's size.")
    var wholeSaliency = false

    @Flag(help: "Do not refine edges: results keep the resolution of the patches.")
    var noRefinement = false

    @Option(help: "Seed of all random choices. (default: 1234)")
    var seed: UInt64?

    @Option(help: ArgumentHelp("Write the fitted model to this file.", valueName: "file"))
    var saveModel: String?

    @Option(
        help: ArgumentHelp(
            "Apply a saved model instead of fitting one.", valueName: "file"))
    var model: String?

    func validate() throws {
        try check(
            sampleInterval, DescriptorClustering.Bounds.sampleInterval, "--sample-interval")
        try check(votes, CoSegmentation.Options.Bounds.votePercentage, "--votes")
        try check(elbow, DescriptorClustering.Bounds.elbow, "--elbow")
        try check(threshold, SaliencyMap.thresholds, "--threshold")
        if let name = given.first, model != nil {
            throw ValidationError(
                "\(name) cannot be combined with --model, whose options are fixed.")
        }
    }

    /// The names of the given options that affect fitting.
    private var given: [String] {
        let options: [(String, Bool)] = [
            ("--layer", features.layer != nil), ("--facet", features.facet != nil),
            ("--stride", features.patches.stride != nil),
            ("--load-size", features.patches.loadSize != nil), ("--bin", bin),
            ("--elbow", elbow != nil),
            ("--threshold", threshold != nil), ("--votes", votes != nil),
            ("--sample-interval", sampleInterval != nil), ("--whole-saliency", wholeSaliency),
            ("--no-refinement", noRefinement), ("--seed", seed != nil),
            ("--save-model", saveModel != nil),
        ]
        return options.filter(\.1).map(\.0)
    }

    /// Files that results must not replace.
    var inputs: [String] { model.map { [$0] } ?? [] }

    /// Output files that other results must not replace.
    var places: [String] { saveModel.map { [$0] } ?? [] }

    /// Checks that the model can be saved.
    ///
    /// - Throws: `Failure` if there are several sets, or if the file cannot be written.
    func checkSaving(of sets: PictureSets) throws {
        guard let saveModel else { return }
        guard !sets.areFolders else {
            throw Failure("\(saveModel) can hold only one model, but there are several sets")
        }
        try checkWritable(saveModel, keeping: sets.inputs)
    }

    /// Checks that the network is the one that the taps require.
    func checkNetwork(_ network: VisionTransformer, of taps: SegmentationTaps) throws {
        do {
            try taps.check(network)
        } catch {
            guard case .networkMismatch = error, let model else { throw error }
            throw Failure("\(model) was fitted to the features of another network")
        }
    }

    /// Saves a fitted model if `--save-model` is given.
    ///
    /// - Returns: text for the end of the summary's line.
    func save(_ write: (String) throws -> Void) throws -> String {
        guard let saveModel else { return "" }
        try write(saveModel)
        return ": \(saveModel)"
    }

    /// The options for fitting with a network.
    func options(for network: VisionTransformer) -> CoSegmentation.Options {
        var options = CoSegmentation.Options(
            features: features.options(for: network.configuration))
        options.taps.network = network.fingerprint
        if bin { options.taps.binning = .logarithmic() }
        if wholeSaliency { options.taps.saliency = .whole }
        options.elbow = elbow ?? options.elbow
        options.threshold = threshold ?? options.threshold
        options.votePercentage = votes ?? options.votePercentage
        options.clustering.sampleInterval = sampleInterval ?? options.clustering.sampleInterval
        options.seed = seed ?? options.seed
        return options
    }
}
