import ArgumentParser
import Descriptors
import Images
import Tensors
import ViT

/// The class token's attention, head by head, as npy files and over the photos.
struct AttentionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attention",
        abstract: "Write the attention that the class token pays to the patches of a photo.",
        discussion: """
            Writes STEM.attention.npy, float32 [heads, rows, columns], the weights as they are \
            (those of a head and the one that the class token pays to itself add up to 1), and for \
            each head H, counted from 0, STEM.attention-H.png, a heat map over the photo from the \
            head's least to its greatest.

            Example: dino-vit attention cat.jpg --weights dino_vits8.pth --output results
            """)

    @Argument(
        help: ArgumentHelp(
            "Photos, folders of them, or a folder of such folders.", valueName: "image"))
    var images: [String]

    @OptionGroup var network: NetworkOptions

    @Option(help: "The layer, counted from 0. (default: the last)")
    var layer: Int?

    @Option(
        help: ArgumentHelp(
            "The step from patch to patch. (default: the patch size)", valueName: "pixels"))
    var stride: Int?

    @OptionGroup var options: RunOptions

    func validate() throws {
        try check(layer, FeatureTap.layers, "--layer")
        try check(stride, PatchStride.steps, "--stride")
    }

    func run() throws {
        let run = try PictureRun(images, network: network, options: options)
        let extractor = try Extractor(network, stride: stride)
        let tap = FeatureTap(layer: layer ?? extractor.lastLayer, facet: .classAttention)
        try extractor.check([tap])
        try run.perform(displaySize: HeatMap.displaySize) { picture, photo, output in
            let (features, geometry) = try naming(photo) { () throws(ExtractionError) in
                try extractor.features(of: photo.input, at: [tap])
            }
            let heads = features[tap].patchesOfHeads
            let data = try output.file(picture.stem + ".attention.npy")
            let drawings = try heads.indices.map {
                try output.file(DrawnPicture.attention(for: picture.stem, head: $0))
            }
            let values = Tensor(
                heads.joined(), shape: [heads.count, features.grid.rows, features.grid.columns])
            try values.writeNPY(to: data)
            if let display = photo.display {
                let written = inParallel(heads.count) { head in
                    try HeatMap(values: heads[head], geometry: geometry)
                        .drawn(over: display).writePNG(to: drawings[head])
                }
                for result in written { try result.get() }
            }
            return "\(data): layer \(tap.layer), \(values.shape); "
                + drawings.joined(separator: ", ")
        }
    }
}

extension Tensor {
    /// Of class attention `[1, heads, 1 + patches]` each head's values for the patches.
    fileprivate var patchesOfHeads: [[Float]] {
        let values = elements
        let tokens = shape[2]
        return (0..<shape[1]).map { Array(values[($0 * tokens + 1)..<(($0 + 1) * tokens)]) }
    }
}
