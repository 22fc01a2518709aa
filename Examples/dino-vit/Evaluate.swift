import ArgumentParser
import Tensors
import ViT

/// Measures how well a network's features separate classes.
struct Evaluate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure how well a network's features separate classes of pictures.",
        subcommands: [KNN.self, Linear.self])
}

/// The pictures, the network, and how pictures are cropped for it.
struct EvaluationOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The folder of the training pictures, with one folder per class.", valueName: "dir"))
    var train: String

    @Option(
        help: ArgumentHelp(
            "The folder of the test pictures, with folders of the same names.", valueName: "dir"))
    var test: String

    @OptionGroup var file: WeightOptions

    @Option(
        help: ArgumentHelp("The pictures' shorter side, before the crop.", valueName: "pixels"))
    var loadSize = 256

    @Option(
        help: ArgumentHelp(
            "The side of the square centre crop that is passed to the network. (default: 7/8 of"
                + " --load-size)", valueName: "pixels"))
    var cropSize: Int?

    @OptionGroup var place: OutputOptions

    func validate() throws {
        try check(loadSize, Preprocessing.loadSizes, "--load-size")
        try check(cropSize, Bound("crop size", 1...loadSize), "--crop-size")
    }

    var view: CentreView { CentreView(loadSize: loadSize, cropSize: cropSize) }

    /// Reads the network.
    ///
    /// - Throws: also if the crop is smaller than a patch.
    func network() throws -> VisionTransformer {
        let network = try file.network()
        let patch = network.configuration.patchSize
        guard view.cropSize >= patch else {
            throw Failure(
                "a crop of \(view.cropSize) pixels is smaller than a patch of \(file.name),"
                    + " \(patch) pixels; choose a larger --load-size or --crop-size")
        }
        return network
    }
}
