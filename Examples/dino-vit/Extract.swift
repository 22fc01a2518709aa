import ArgumentParser
import Descriptors
import Tensors
import ViT

/// Writes descriptors of pictures as npy files.
struct Extract: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the descriptors of photos.",
        discussion: """
            Writes STEM.npy for each photo: float32 [rows, columns, channels], or with \
            --include-cls [1 + rows * columns, channels], the class token first.

            Example: dino-vit extract cat.jpg photos/ --weights dino_vits8.pth --output features
            """)

    @Argument(
        help: ArgumentHelp(
            "Photos, folders of them, or a folder of such folders.", valueName: "image"))
    var images: [String]

    @OptionGroup var network: NetworkOptions

    @Option(help: Help.layer)
    var layer = -1

    @Option(help: "Which output of the layer to extract.")
    var facet = FacetArgument.key

    @Option(
        help: ArgumentHelp(
            "The step from patch to patch. (default: the patch size)", valueName: "pixels"))
    var stride: Int?

    @Flag(help: "Write log-binned descriptors, which have 17 times the channels.")
    var bin = false

    @Flag(help: "Write the class token, too, as the first row.")
    var includeCls = false

    @OptionGroup var options: RunOptions

    func validate() throws {
        try check(layer, FeatureTap.layers, "--layer")
        try check(stride, PatchStride.steps, "--stride")
        if bin && includeCls {
            throw ValidationError("--bin and --include-cls cannot be combined.")
        }
    }

    func run() throws {
        let run = try PictureRun(images, network: network, options: options)
        let extractor = try Extractor(network, stride: stride)
        let tap = try extractor.tap(layer: layer, facet: facet.facet)
        try run.perform(for: extractor) { picture, photo, output in
            let (features, geometry) = try naming(photo) { () throws(ExtractionError) in
                try extractor.features(of: photo.input, at: [tap])
            }
            let descriptors = DescriptorGrid(features, tap: tap, geometry: geometry)
            let values =
                if bin {
                    descriptors.logBinned()
                } else if includeCls, let classToken = descriptors.classToken {
                    classToken.followed(by: descriptors.matrix)
                } else {
                    descriptors.values
                }
            let file = try output.file(picture.stem + ".npy")
            try values.writeNPY(to: file)
            return "\(file): \(facet.rawValue) of layer \(tap.layer), \(values.shape)"
        }
    }
}

extension Extractor {
    /// An extractor with the fine default stride, at which patches overlap.
    init(_ options: NetworkOptions, fineStride: Int?) throws {
        let network = try options.file.network()
        self.init(
            network, preprocessing: options.preprocessing,
            stride: .fine(fineStride, for: network.configuration))
    }

    /// An extractor whose patches do not overlap by default.
    init(_ options: NetworkOptions, stride: Int?) throws {
        try self.init(
            options.file.network(), preprocessing: options.preprocessing,
            stride: stride.map { PatchStride($0) })
    }
}

extension Tensor {
    /// A matrix with this vector as the first row, followed by the rows of `matrix`.
    fileprivate func followed(by matrix: Tensor) -> Tensor {
        Tensor(shape: [1 + matrix.shape[0], count]) { target in
            let end = withUnsafeElements { target.update(fromContentsOf: $0) }
            matrix.withUnsafeElements { elements in
                _ = UnsafeMutableBufferPointer(rebasing: target[end...])
                    .update(fromContentsOf: elements)
            }
        }
    }
}
