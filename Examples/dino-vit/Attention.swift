import ArgumentParser
import Descriptors
import Images
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

    @Option(help: Help.layer)
    var layer = -1

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
        let tap = try extractor.tap(layer: layer, facet: .classAttention)
        try run.perform(for: extractor, displaySize: HeatMap.displaySize) {
            picture, photo, output in
            let (features, geometry) = try naming(photo) { () throws(ExtractionError) in
                try extractor.features(of: photo.input, at: [tap])
            }
            let attention = features.classAttention(inLayer: tap.layer)
            let data = try output.file(picture.stem + ".attention.npy")
            let drawings = try (0..<features.heads).map {
                try output.file(DrawnPicture.attention(for: picture.stem, head: $0))
            }
            let values = attention.reshaped(
                to: [features.heads, features.grid.rows, features.grid.columns])
            try values.writeNPY(to: data)
            if let display = photo.display {
                let written = inParallel(features.heads) { head in
                    try HeatMap(
                        values: attention.rows(head..<head + 1).elements, geometry: geometry
                    )
                    .drawn(over: display).writePNG(to: drawings[head])
                }
                for result in written { try result.get() }
            }
            return "\(data): layer \(tap.layer), \(values.shape); "
                + drawings.joined(separator: ", ")
        }
    }
}
