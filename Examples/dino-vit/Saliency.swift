import ArgumentParser
import Descriptors
import Images
import ViT

/// Writes saliency maps of pictures as npy files and over the photos.
struct SaliencyCommand: ParsableCommand, RunsOnSeveralProcesses {
    static let configuration = CommandConfiguration(
        commandName: "saliency",
        abstract: "Write the saliency of the patches of a photo.",
        discussion: """
            Saliency is the attention that the class token pays to each patch in the last layer, \
            averaged over heads (0, 2, 4 and 5 of DINO's networks with six heads, else all) and scaled \
            to 0…1. Writes STEM.saliency.npy, float32 [rows, columns], and STEM.saliency.png, a heat \
            map over the photo.

            Example: dino-vit saliency cat.jpg --weights dino_vits8.pth --stride 4 --output results
            """)

    @Argument(
        help: ArgumentHelp(
            "Photos, folders of them, or a folder of such folders.", valueName: "image"))
    var images: [String]

    @OptionGroup var network: NetworkOptions

    @OptionGroup var patches: PatchOptions

    @OptionGroup var options: RunOptions

    func run() throws {
        let run = try PictureRun(images, network: network, options: options)
        let extractor = try Extractor(network.file) {
            patches.options(for: $0, overlapping: false, facet: .classAttention)
        }
        let tap = extractor.tap
        try run.perform(for: extractor, displaySize: HeatMap.displaySize) {
            picture, photo, output in
            let (features, geometry) = try naming(photo.path) { () throws(ExtractionError) in
                try extractor.features(of: photo.input, at: [tap])
            }
            let values = SaliencyMap(features, layer: tap.layer).values
            let data = try output.file(picture.stem + ".saliency.npy")
            let drawing = try output.file(DrawnPicture.saliency.name(for: picture.stem))
            try values.writeNPY(to: data)
            if let display = photo.display {
                try HeatMap(values: values.elements, geometry: geometry)
                    .drawn(over: display).writePNG(to: drawing)
            }
            return "\(data): \(values.shape); \(drawing)"
        }
    }
}
