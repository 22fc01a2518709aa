import ArgumentParser
import Descriptors
import Images
import Platform
import Tensors
import ViT

/// Writes principal components of descriptors as npy files and as colours.
struct PCACommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pca",
        abstract: "Write the principal components of the descriptors of photos.",
        discussion: """
            Writes STEM.pca.npy, float32 [rows, columns, components], and STEM.pca.png, the last three \
            components as red, green and blue, each scaled from its minimum in the photo to its \
            maximum. The components are fitted to all photos together, so that the same part of an \
            object has the same coordinates in each photo. With --foreground the background is NaN in \
            the arrays and black in the pictures.

            Example: dino-vit pca dogs/ --weights dino_vits8.pth --foreground --output results
            """)

    @Argument(
        help: ArgumentHelp(
            "Photos, folders of them, or a folder of such folders.", valueName: "image"))
    var images: [String]

    @OptionGroup var network: NetworkOptions

    @Option(help: "The number of components. (default: 4)")
    var components: Int?

    @Flag(help: "Fit components to each photo separately.")
    var separate = false

    @Flag(
        help: """
            Find the foreground by the first component and fit components to the foreground only.
            """)
    var foreground = false

    @Option(help: ArgumentHelp("Write the components to a safetensors file.", valueName: "file"))
    var saveBasis: String?

    @Option(
        help: ArgumentHelp(
            "Read the components, the layer and the facet from a file written by --save-basis.",
            valueName: "file"))
    var basis: String?

    @OptionGroup var features: FeatureArguments

    @OptionGroup var options: RunOptions

    func validate() throws {
        try check(components, PrincipalComponents.counts, "--components")
        let isFitted = components != nil || separate || foreground || saveBasis != nil
        if basis != nil && (isFitted || features.layer != nil || features.facet != nil) {
            throw ValidationError(
                "--basis cannot be combined with --components, --separate, --foreground, --save-basis,"
                    + " --layer or --facet.")
        }
        if separate && saveBasis != nil {
            throw ValidationError("--separate and --save-basis cannot be combined.")
        }
    }

    func run() throws {
        options.apply()
        let sets = try PictureSets(
            images, output: network.place.output,
            keeping: network.file.inputs + (basis.map { [$0] } ?? []),
            reserving: saveBasis.map { [$0] } ?? [], quiet: options.quiet)
        if let saveBasis {
            guard !sets.areFolders else {
                throw Failure(
                    "--save-basis saves the components of one set, but \(images[0]) has several sets"
                )
            }
            try checkWritable(saveBasis, keeping: sets.inputs)
        }
        let saved = try basis.map { try SavedBasis(contentsOf: $0) }
        let extractor = try Extractor(network.file) { network in
            var options = features.options(for: network)
            if let saved { (options.layer, options.facet) = (saved.tap.layer, saved.tap.facet) }
            return options
        }
        let channels = extractor.model.configuration.width
        try saved?.check(extractor.model, channels: channels)
        let count = components ?? 4
        guard count <= channels else {
            throw Failure(
                "--components \(count) is more than the \(channels) channels of a descriptor")
        }
        try sets.perform { pictures, output in
            try write(pictures, into: output, count: count, saved: saved?.basis, extractor)
        }
    }

    /// A photo's descriptors and, with `--foreground`, its saliency.
    private struct Item {
        let picture: Picture
        let descriptors: DescriptorGrid
        let saliency: SaliencyMap?
    }

    /// Writes the results of a set: picture by picture with given or separate components, at the end with
    /// common components.
    private func write(
        _ pictures: [Picture], into output: OutputFolder, count: Int, saved: PrincipalBasis?,
        _ extractor: Extractor
    ) throws {
        var kept: [Item] = []
        let failures = try pictures.decoded(
            for: extractor, displaySize: nil, quiet: options.quiet
        ) { picture, photo in
            let item = try item(picture, photo, extractor)
            if let saved { return try write(item, saved, into: output) }
            if separate { return try write(item, fit([item], count), into: output) }
            kept.append(item)
            return nil
        }
        if !kept.isEmpty {
            let basis = try fit(kept, count)
            if let saveBasis {
                let network = extractor.model.fingerprint
                try SavedBasis(basis: basis, tap: extractor.tap, network: network)
                    .write(to: saveBasis)
            }
            for item in kept {
                let line = try write(item, basis, into: output)
                if !options.quiet { Terminal.say(line) }
            }
        }
        try pictures.check(failures)
    }

    private func item(
        _ picture: Picture, _ photo: Photo, _ extractor: Extractor
    ) throws -> Item {
        try naming(photo.path) { () throws(ExtractionError) -> Item in
            guard foreground else {
                return Item(
                    picture: picture, descriptors: try extractor.descriptors(of: photo.input),
                    saliency: nil)
            }
            let found = try extractor.imageFeatures(of: photo.input)
            return Item(
                picture: picture, descriptors: found.descriptors, saliency: found.saliency)
        }
    }

    private func fit(_ items: [Item], _ count: Int) throws -> PrincipalBasis {
        let points = items.map(\.descriptors.matrix)
        return foreground
            ? try PrincipalBasis(
                of: points, foregroundBy: items.compactMap(\.saliency?.values), count: count)
            : try PrincipalBasis(of: points, count: count)
    }

    private func write(
        _ item: Item, _ basis: PrincipalBasis, into output: OutputFolder
    ) throws -> String {
        let data = try output.file(item.picture.stem + ".pca.npy")
        let drawing = try output.file(DrawnPicture.components.name(for: item.picture.stem))
        let values = basis.projected(item.descriptors.values)
        try values.writeNPY(to: data)
        let geometry = item.descriptors.geometry
        let size = HeatMap.displaySize(width: geometry.photoWidth, height: geometry.photoHeight)
        try componentPicture(
            values, geometry: geometry, width: size.width, height: size.height
        ).writePNG(to: drawing)
        let share = basis.components.explainedVarianceRatio
        return "\(data): \(values.shape), \(Int((100 * share).rounded()))% of the variance; "
            + drawing
    }
}

/// Components in a file, with the features that they were fitted to.
private struct SavedBasis {
    let basis: PrincipalBasis
    let tap: FeatureTap
    /// The network's fingerprint, in files of this version.
    let network: String?
    var path = ""

    func write(to path: String) throws {
        var metadata = ["layer": "\(tap.layer)", "facet": tap.facet.rawValue]
        metadata["network"] = network
        try basis.write(to: path, metadata: metadata)
    }

    /// Checks that the components suit a network.
    ///
    /// - Throws: `Failure` if the network is another one, or its descriptors have other channels.
    func check(_ model: any Backbone, channels: Int) throws {
        guard network == nil || network == model.fingerprint else {
            throw Failure("\(path) was fitted to another network's descriptors")
        }
        guard basis.components.channels == channels else {
            throw Failure(
                "\(path) was fitted to descriptors of \(basis.components.channels) channels;"
                    + " the network's descriptors have \(channels)")
        }
    }
}

extension SavedBasis {
    init(contentsOf path: String) throws {
        let file = try TensorFile(contentsOf: path)
        guard let layer = file.metadata["layer"].flatMap(Int.init), layer >= 0,
            let facet = file.metadata["facet"].flatMap(Facet.init), facet.hasVectors
        else {
            throw Failure("\(path) does not state the layer and facet of its components")
        }
        self.init(
            basis: try PrincipalBasis(file), tap: FeatureTap(layer: layer, facet: facet),
            network: file.metadata["network"], path: path)
    }
}
