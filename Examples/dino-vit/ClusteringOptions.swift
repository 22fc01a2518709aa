import ArgumentParser
import Descriptors
import Platform
import ViT

/// What `segment` and `parts` have in common: how clusters of descriptors are found, and a model
/// that was fitted before in their place.
struct ClusteringOptions: ParsableArguments {
    @Option(help: Help.optionalLayer)
    var layer: Int?

    @Option(help: "What is taken of the layer. (default: key)")
    var facet: FacetArgument?

    @Option(help: Help.fineStride)
    var stride: Int?

    @Option(
        help: ArgumentHelp(
            "The photos' shorter side in the network, in pixels; 0 keeps their size. (default: 224)",
            valueName: "pixels"))
    var loadSize: Int?

    @Flag(help: "Log-binned descriptors, of 17 times as many channels.")
    var bin = false

    @Option(
        help: """
            Clusters are added as long as the mean squared distance falls below this times what it \
            was. (default: 0.975)
            """)
    var elbow: Double?

    @Option(
        help: """
            A photo votes for a cluster whose mean saliency, 0…1, is above this. (default: 0.065)
            """)
    var threshold: Float?

    @Option(
        help: ArgumentHelp(
            "A cluster with the votes of so many of the photos is foreground. (default: 75)",
            valueName: "percent"))
    var votes: Int?

    @Option(help: "Of each photo every so many descriptors are clustered. (default: 100)")
    var sampleInterval: Int?

    @Flag(help: "Compute saliency at the descriptors' resolution, not at half the size.")
    var wholeSaliency = false

    @Flag(help: "Leave edges as the patches make them, not as the photo does.")
    var noRefinement = false

    @Option(help: "Seeds all that is drawn. (default: 1234)")
    var seed: UInt64?

    @Option(help: ArgumentHelp("Write the fitted model to this file.", valueName: "file"))
    var saveModel: String?

    @Option(
        help: ArgumentHelp(
            "Apply a model that was saved instead of fitting one.", valueName: "file"))
    var model: String?

    func validate() throws {
        try check(layer, FeatureTap.layers, "--layer")
        try check(stride, PatchStride.steps, "--stride")
        try checkLoadSize(loadSize)
        try check(
            sampleInterval, DescriptorClustering.Bounds.sampleInterval, "--sample-interval")
        try check(votes, CoSegmentation.Options.Bounds.votePercentage, "--votes")
        try check(elbow, DescriptorClustering.Bounds.elbow, "--elbow")
        try check(threshold, SaliencyMap.thresholds, "--threshold")
        if let name = given.first, model != nil {
            throw ValidationError(
                "\(name) does not go with --model, which was fitted with its own.")
        }
    }

    /// The options of fitting that were given.
    private var given: [String] {
        let options: [(String, Bool)] = [
            ("--layer", layer != nil), ("--facet", facet != nil), ("--stride", stride != nil),
            ("--load-size", loadSize != nil), ("--bin", bin), ("--elbow", elbow != nil),
            ("--threshold", threshold != nil), ("--votes", votes != nil),
            ("--sample-interval", sampleInterval != nil), ("--whole-saliency", wholeSaliency),
            ("--no-refinement", noRefinement), ("--seed", seed != nil),
            ("--save-model", saveModel != nil),
        ]
        return options.filter(\.1).map(\.0)
    }

    /// Files that no result may replace.
    var inputs: [String] { model.map { [$0] } ?? [] }

    /// Places that no other result may take.
    var places: [String] { saveModel.map { [$0] } ?? [] }

    /// - Throws: `Failure` where one model would be saved after the other, or none can be.
    func checkSaving(of sets: PictureSets) throws {
        guard let saveModel else { return }
        guard !sets.areFolders else {
            throw Failure("\(saveModel) has room for one model, and there are several sets")
        }
        try checkWritable(saveModel, keeping: sets.inputs)
    }

    /// Throws where the network is not one for these taps.
    func checkNetwork(_ network: VisionTransformer, of taps: SegmentationTaps) throws {
        do {
            try taps.check(network)
        } catch {
            guard case .otherNetwork = error, let model else { throw error }
            throw Failure("\(model) was fitted to the features of another network")
        }
    }

    /// Saves a fitted model, if it is to be.
    ///
    /// - Returns: what there is to say of it.
    func save(_ write: (String) throws -> Void) throws -> String {
        guard let saveModel else { return "" }
        try write(saveModel)
        return ": \(saveModel)"
    }

    /// What the options say to a network.
    func options(for network: VisionTransformer) -> CoSegmentation.Options {
        var options = CoSegmentation.Options()
        options.taps.layer = layer ?? options.taps.layer
        options.taps.network = network.fingerprint
        options.taps.facet = facet?.facet ?? options.taps.facet
        options.taps.stride = .fine(stride, for: network.configuration)
        if let loadSize { options.taps.loadSize = loadSize == 0 ? nil : loadSize }
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
