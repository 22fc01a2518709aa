import ArgumentParser
import Foundation
import Images
import Platform
import Synthesis
import Tensors

/// Generates synthetic pictures of jointed creatures with ground truth.
struct Synthesize: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Generate synthetic pictures of creatures with masks, parts and keypoints.",
        discussion: """
            Writes DIR/images/KIND/NUMBER.png, DIR/masks/KIND/NUMBER.png and DIR/labels.json. A mask \
            is a palette picture whose pixels are numbers of parts (0 background, 1 body, 2 head, 3 \
            legs, 4 tail, 5 ears). labels.json lists each picture's kind, box and keypoints in pixels. \
            Colours and surroundings are independent of the kind. Train on DIR/images: its folders are \
            the classes, and it contains no masks.

            Example: dino-vit synthesize creatures --count 2000 --size 96
            """)

    @Argument(
        help: ArgumentHelp("The output folder, created if it is missing.", valueName: "dir"))
    var folder: String

    @Option(help: "The number of pictures.")
    var count = 64

    @Option(help: "Seed of the series of pictures.")
    var seed: UInt64 = 0

    @Option(help: ArgumentHelp("The side of the square pictures.", valueName: "pixels"))
    var size = 96

    @Option(
        help:
            "Use the first N kinds of: \(Kind.allCases.map(\.rawValue).joined(separator: ", ")).")
    var kinds = 8

    @Option(
        help: """
            studio: all face right on a plain floor, level or not, heads up or down, with a pattern for each part of \
            the coat. \
            wild: a patchwork of surroundings with other objects, and one pattern for the whole coat.
            """)
    var setting = Setting.wild

    @OptionGroup var options: RunOptions

    func validate() throws {
        try check(count, Creature.counts, "--count")
        try check(size, Creature.sizes, "--size")
        try check(kinds, Bound("kinds", 1...Kind.allCases.count), "--kinds")
    }

    func run() throws {
        options.apply()
        let kinds = Array(Kind.allCases.prefix(kinds))
        let folders = CreatureFolders(folder, count: count, kinds: kinds)
        try folders.make()
        var progress = Progress(count, of: "pictures", quiet: options.quiet)
        var labels = CreatureLabels(seed: seed, size: size, setting: setting, kinds: kinds)
        let chunk = 8 * Parallelism.threadCount
        for start in stride(from: 0, to: count, by: chunk) {
            let made = inParallel(min(chunk, count - start)) { index in
                let creature = Creature(
                    seed: seed, index: start + index, size: size, kinds: kinds,
                    setting: setting)
                return try folders.write(creature, number: start + index)
            }
            for label in made {
                try labels.pictures.append(label.get())
                progress.advance()
            }
        }
        progress.finish()
        let file = try OutputFolder(folder, keeping: []).file("labels.json")
        // If labels.json exists, all pictures are complete on disk, even after a loss of power.
        FileSystem.synchronize()
        try writeJSON(labels, to: file)
        if !options.quiet { Terminal.say("\(count) pictures of \(kinds.count) kinds: \(file)") }
    }
}

extension Setting: ExpressibleByArgument {}

/// The folders of pictures and masks.
private struct CreatureFolders: Sendable {
    private let root: String
    private let count: Int
    private let kinds: [Kind]

    init(_ root: String, count: Int, kinds: [Kind]) {
        self.root = root
        self.count = count
        self.kinds = kinds
    }

    /// The names in a folder without hidden ones, which file managers write.
    private static func visibleNames(in folder: String) throws -> [String] {
        try FileSystem.names(in: folder).filter { $0.utf8.first != UInt8(ascii: ".") }
    }

    /// Creates the folders and removes the labels.json of an earlier series.
    ///
    /// - Throws: `Failure` if a folder contains files that would not be replaced, so that two series would
    ///   be mixed.
    func make() throws {
        let names = Set((0..<count).map(name))
        for sort in ["images", "masks"] {
            guard FileSystem.isFolder("\(root)/\(sort)") else { continue }
            for kind in try Self.visibleNames(in: "\(root)/\(sort)") {
                let folder = "\(sort)/\(kind)"
                let found =
                    FileSystem.isFolder("\(root)/\(folder)")
                    ? try Self.visibleNames(in: "\(root)/\(folder)").map { "\(kind)/\($0)" }
                    : [kind]
                guard let other = found.first(where: { !names.contains($0) }) else { continue }
                throw Failure(
                    "\(root) contains \(sort)/\(other), which does not belong to this series; choose"
                        + " another folder or remove it")
            }
        }
        for sort in ["images", "masks"] {
            for kind in kinds {
                _ = try OutputFolder("\(root)/\(sort)/\(kind.rawValue)", keeping: [])
            }
        }
        FileSystem.remove("\(root)/labels.json")
    }

    /// Writes the picture and its mask.
    func write(_ creature: Creature, number: Int) throws -> CreatureLabels.Picture {
        let picture = "\(root)/images/\(name(of: number))"
        let mask = "\(root)/masks/\(name(of: number))"
        try Image.write(
            creature.image.encodedPNG(name: picture), to: picture, isSynchronized: false)
        try Image.write(
            Image.encodedIndexedPNG(
                creature.mask, width: creature.image.width, height: creature.image.height,
                palette: Part.palette, name: mask), to: mask, isSynchronized: false)
        return CreatureLabels.Picture(
            image: "images/\(name(of: number))", mask: "masks/\(name(of: number))",
            creature: creature)
    }

    /// A picture's path, such as `cow/0012.png`.
    private func name(of number: Int) -> String {
        let digits = String(count - 1).count
        return "\(Creature.kind(of: number, from: kinds).rawValue)/"
            + String(String(number + Int(pow(10, Double(digits)))).dropFirst()) + ".png"
    }
}

/// The content of labels.json.
private struct CreatureLabels: Encodable {
    var seed: UInt64
    /// The side of the pictures in pixels.
    var size: Int
    var setting: Setting
    var kinds: [Kind]
    /// The names of the masks' values, from 0 on.
    var parts = Part.allCases.map(\.name)
    var keypoints = Keypoint.allCases
    var pictures: [Picture] = []

    init(seed: UInt64, size: Int, setting: Setting, kinds: [Kind]) {
        self.seed = seed
        self.size = size
        self.setting = setting
        self.kinds = kinds
    }

    struct Picture: Encodable {
        var image: String
        var mask: String
        var kind: Kind
        var facing: Side
        var box: Bounds
        /// Without keypoints that the kind lacks.
        var keypoints: [Keypoint: Place]

        struct Place: Encodable {
            var x: Double
            var y: Double
            var visible: Bool
        }

        init(image: String, mask: String, creature: Creature) {
            self.image = image
            self.mask = mask
            kind = creature.kind
            facing = creature.facing
            box = creature.box
            keypoints = creature.keypoints.mapValues {
                Place(x: $0.place.x, y: $0.place.y, visible: $0.isVisible)
            }
        }
    }
}
