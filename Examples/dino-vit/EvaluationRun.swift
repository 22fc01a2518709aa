import DINO
import Images
import Platform
import ViT

/// The common part of the evaluations: labelled pictures, a network, and a folder for results.
struct EvaluationRun {
    let train: LabelledPictures
    let test: LabelledPictures
    let network: VisionTransformer
    let options: EvaluationOptions
    private let output: OutputFolder
    /// Files of the folders that were not used, in words.
    private let passedOver: [String]

    init(_ options: EvaluationOptions) throws {
        self.options = options
        let folders = try [options.train, options.test].map { try PictureFolder($0) }
        train = try LabelledPictures(folders[0])
        test = try LabelledPictures(folders[1], classesOf: train)
        passedOver = folders.flatMap { folder in
            let outside = folder.labels.indices.filter { folder.labels[$0] == nil }
            let notices = [
                folder.passedOver.summary,
                outside.isEmpty
                    ? nil
                    : "\(outside.count) in no class's folder: "
                        + shortened(outside.map { folder.files[$0] }, separator: ", "),
            ]
            return notices.compactMap { $0.map { "ignored in \(folder.path): \($0)" } }
        }
        network = try options.network()
        output = try OutputFolder(options.place.output, keeping: options.file.inputs)
    }

    /// The path of a result.
    func file(_ name: String) throws -> String { try output.file(name) }

    /// The pictures and the network, for the reports.
    func setting(skipped: (train: [SkippedPicture], test: [SkippedPicture])) -> Setting {
        func side(_ pictures: LabelledPictures, _ skipped: [SkippedPicture]) -> Setting.Side {
            Setting.Side(
                folder: printable(pictures.folder), pictures: pictures.paths.count - skipped.count,
                skipped: skipped.map {
                    SkippedPicture(path: printable($0.path), reason: printable($0.reason))
                })
        }
        return Setting(
            weights: printable(options.file.name), architecture: network.configuration.name,
            loadSize: options.view.loadSize, cropSize: options.view.cropSize,
            classes: train.classes.map { printable($0) }, train: side(train, skipped.train),
            test: side(test, skipped.test), passedOver: passedOver.map { printable($0) })
    }

    /// The pictures and the network that results are for.
    struct Setting: Codable {
        var weights: String
        var architecture: String
        var loadSize: Int
        var cropSize: Int
        var classes: [String]
        var train: Side
        var test: Side
        /// Files of the folders that were not used, in words.
        var passedOver: [String]

        struct Side: Codable {
            var folder: String
            /// The number of pictures that could be read.
            var pictures: Int
            var skipped: [SkippedPicture]
        }

        /// Writes the skipped files to standard error and returns the first line of the summary.
        func summary() -> String {
            let skipped = train.skipped + test.skipped
            Terminal.noteSkipped(skipped.map(\.reason))
            for line in passedOver { Terminal.note(line) }
            let counts =
                "\(train.pictures) training and \(test.pictures) test pictures of"
                + " \(classes.count) classes"
            return skipped.isEmpty ? counts : counts + ", \(skipped.count) skipped"
        }
    }
}
