import ArgumentParser
import Descriptors
import Tensors
import ViT

/// Writes descriptors of pictures as npy files.
struct Extract: ParsableCommand, RunsOnSeveralProcesses {
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

    @OptionGroup var features: FeatureArguments

    @Flag(help: "Write log-binned descriptors, which have 17 times the channels.")
    var bin = false

    @Flag(help: "Write the class token, too, as the first row.")
    var includeCls = false

    @OptionGroup var options: RunOptions

    func validate() throws {
        if bin && includeCls {
            throw ValidationError("--bin and --include-cls cannot be combined.")
        }
    }

    func run() throws {
        let run = try PictureRun(images, network: network, options: options)
        let extractor = try Extractor(network.file) {
            features.options(for: $0, overlapping: false)
        }
        try run.perform(for: extractor) { picture, photo, output in
            let descriptors = try naming(photo.path) { () throws(ExtractionError) in
                try extractor.descriptors(of: photo.input)
            }
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
            let tap = extractor.tap
            return "\(file): \(tap.facet.rawValue) of layer \(tap.layer), \(values.shape)"
        }
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
