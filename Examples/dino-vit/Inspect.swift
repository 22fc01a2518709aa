import ArgumentParser
import Descriptors
import Platform
import ViT

/// Writes a page that shows the similarity of places in two photos.
struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a page that shows how similar the places of two photos are.",
        discussion: """
            Writes inspect.html, a single file that works without a server or Internet access: point at \
            the first photo and see, over the second, how similar each place is.

            Example: dino-vit inspect cat.jpg ibex.jpg --weights dino_vits8.pth --output results
            """)

    @Argument(help: ArgumentHelp("The photo that is pointed at.", valueName: "a"))
    var source: String

    @Argument(help: ArgumentHelp("The photo that is searched.", valueName: "b"))
    var target: String

    @OptionGroup var network: NetworkOptions

    @OptionGroup var features: FeatureArguments

    @Flag(help: "Compare log-binned instead of plain descriptors.")
    var bin = false

    @OptionGroup var options: RunOptions

    func run() throws {
        options.apply()
        let paths = [source, target]
        let output = try OutputFolder(
            network.place.output, keeping: paths + network.file.inputs)
        let file = try output.file("inspect.html")
        var progress = Progress(2, of: "photos", quiet: options.quiet)
        progress.note("reading")
        let extractor = try Extractor(network.file) { features.options(for: $0) }
        let photos = try inParallel(paths.count) { index in
            try Photo(
                contentsOf: paths[index], preprocessing: extractor.preprocessing,
                for: extractor.model.configuration,
                displaySize: Inspect.displaySize)
        }.map { try $0.get() }
        let sides = try photos.map { photo -> SimilarityPage.Side in
            progress.note("features of \(photo.path)")
            defer { progress.advance() }
            return SimilarityPage.Side(
                name: printable(Path.name(of: photo.path)),
                picture: photo.display ?? photo.input.image,
                descriptors: try naming(photo.path) { () throws(ExtractionError) in
                    try extractor.descriptors(of: photo.input)
                })
        }
        progress.note("comparing")
        let tap = "\(extractor.tap.facet.rawValue) of layer \(extractor.tap.layer)"
        let page = SimilarityPage(
            source: sides[0], target: sides[1], binning: bin ? .logarithmic() : .none,
            caption: caption(tap, stride: extractor.stride.vertical))
        try write(page.html(), to: file)
        progress.finish()
        if !options.quiet {
            let cells = sides.map { "\($0.descriptors.grid.rows)x\($0.descriptors.grid.columns)" }
            Terminal.say("\(file): \(cells[0]) and \(cells[1]) cells, \(tap)")
        }
    }

    private func caption(_ tap: String, stride: Int) -> String {
        let weights = printable(Path.name(of: network.file.name))
        return "Cosine of the \(bin ? "log-binned " : "")descriptors: \(tap), stride \(stride), "
            + "\(weights). Rows and columns are counted from 0, x and y in pixels of the photo."
    }

    /// The maximum size of a photo's longer side on the page.
    private static let longestSide = 800.0

    private static func displaySize(width: Int, height: Int) -> (width: Int, height: Int) {
        scaled(width, height, by: min(1, longestSide / Double(max(width, height))))
    }
}
