import ArgumentParser
import Descriptors
import Images
import Tensors
import ViT

/// Writes the class token's attention, head by head, as npy files and over the photos.
struct AttentionCommand: ParsableCommand, RunsOnSeveralProcesses {
    static let configuration = CommandConfiguration(
        commandName: "attention",
        abstract: "Write the attention that the class token pays to the patches of a photo.",
        discussion: """
            Writes STEM.attention.npy, float32 [heads, rows, columns], the unscaled weights (a head's \
            weights add up to 1 together with the class token's weight for itself), and for each head \
            H, counted from 0, STEM.attention-H.png, a heat map over the photo, scaled from the head's \
            minimum to its maximum. With --registers the attention of each register instead: \
            STEM.attention.npy is [registers, heads, rows, columns], and STEM.attention-R.png the \
            mean over the heads of register R.

            Example: dino-vit attention cat.jpg --weights dino_vits8.pth --output results
            """)

    @Argument(
        help: ArgumentHelp(
            "Photos, folders of them, or a folder of such folders.", valueName: "image"))
    var images: [String]

    @OptionGroup var network: NetworkOptions

    @OptionGroup var patches: PatchOptions

    @Option(help: "The layer, counted from 0, or from the end, -1 being the last.")
    var layer = -1

    @Flag(help: "Write the attention of the network's registers instead of the class token's.")
    var registers = false

    @OptionGroup var options: RunOptions

    func validate() throws {
        try check(layer, FeatureTap.layers, "--layer")
    }

    func run() throws {
        let run = try PictureRun(images, network: network, options: options)
        let extractor = try Extractor(network.file) {
            patches.options(
                for: $0, overlapping: false, layer: layer,
                facet: registers ? .registerAttention : .classAttention)
        }
        let tap = extractor.tap
        let count = extractor.model.configuration.registers
        guard !registers || count > 0 else {
            throw Failure("\(network.file.name) has no registers")
        }
        try run.perform(for: extractor, displaySize: HeatMap.displaySize) {
            picture, photo, output in
            let (features, geometry) = try naming(photo.path) { () throws(ExtractionError) in
                try extractor.features(of: photo.input, at: [tap])
            }
            let (rows, columns) = (features.grid.rows, features.grid.columns)
            let attention =
                registers
                ? features.registerAttention(inLayer: tap.layer)
                : features.classAttention(inLayer: tap.layer)
            let values = attention.reshaped(
                to: registers
                    ? [count, features.heads, rows, columns] : [features.heads, rows, columns])
            let data = try output.file(picture.stem + ".attention.npy")
            let drawings = try (0..<values.shape[0]).map {
                try output.file(DrawnPicture.attention(for: picture.stem, head: $0))
            }
            try values.writeNPY(to: data)
            if let display = photo.display {
                let written = inParallel(drawings.count) { index in
                    try HeatMap(
                        values: values.rows(index..<index + 1).mean(cells: rows * columns),
                        geometry: geometry
                    ).drawn(over: display).writePNG(to: drawings[index])
                }
                for result in written { try result.get() }
            }
            return "\(data): layer \(tap.layer), \(values.shape); "
                + drawings.joined(separator: ", ")
        }
    }
}

extension Tensor {
    /// The mean of all maps in the tensor, each of `cells` values.
    fileprivate func mean(cells: Int) -> [Float] {
        let (elements, maps) = (elements, count / cells)
        return (0..<cells).map { cell in
            (0..<maps).reduce(0) { $0 + elements[$1 * cells + cell] } / Float(maps)
        }
    }
}
