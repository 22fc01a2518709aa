import DINO
import Descriptors
import Foundation
import Images
import Scores
import Synthesis

/// The test pictures and the scores measured on them.
struct Examination {
    private let flowers: (train: LabelledPictures, test: LabelledPictures)?
    private let animals: AnimalFrames?
    private let sequences: MaskedSequences?
    private let wall: WallViews?
    private let creatures: CreatureSeries?
    /// The creatures whose parts are segmented.
    private let jointed: CreatureSeries?
    private let isQuick: Bool

    /// - Parameters:
    ///   - isQuick: whether to use fewer pictures.
    ///   - only: the names of the measures to take; nil for all.
    init(data: String, isQuick: Bool, only: Set<String>?) throws {
        self.isQuick = isQuick
        func isRequested(_ name: String) -> Bool { only?.contains(name) ?? true }
        func folder(_ name: String, for measure: String) -> String? {
            let path = "\(data)/\(name)"
            return isRequested(measure) && FileManager.default.fileExists(atPath: path) ? path : nil
        }
        flowers = try folder("flowers5", for: "knn").map { path in
            let train = try LabelledPictures(PictureFolder(path + "/train"))
            let test = try LabelledPictures(PictureFolder(path + "/val"), classesOf: train)
            return (train, test)
        }
        animals = try folder("keypoints", for: "keypoints").map(AnimalFrames.init(contentsOf:))
        sequences = try folder("davis", for: "foreground").map(MaskedSequences.init(contentsOf:))
        wall = isQuick ? nil : folder("graf", for: "wall").map(WallViews.init(contentsOf:))
        let size = isQuick ? 112 : 224
        creatures =
            isRequested("creatures")
            ? CreatureSeries(
                count: isQuick ? 30 : 60, pairCount: isQuick ? 200 : 400, size: size, seed: 0x5EED)
            : nil
        jointed =
            isRequested("creatures")
            ? CreatureSeries(
                count: 20, pairCount: 0, size: size, seed: 0x5EED,
                kinds: Array(Kind.allCases.prefix(4)))
            : nil
    }

    /// The scores of a network or a baseline; a baseline has none that need a class token.
    func figures(of describer: some Describer) throws -> [Figure] {
        var figures: [Figure] = []
        func add(_ name: String, _ value: Double) {
            figures.append(Figure(name: name, value: value))
        }
        func add(_ name: String, of sequences: MaskedSequences, _ overlaps: [Double]) {
            for (overlap, sequence) in zip(overlaps, sequences.sequences) {
                add("\(name.prefix(3))-\(sequence.name.prefix(5))", overlap)
            }
            add(name, overlaps.reduce(0, +) / Double(overlaps.count))
        }
        let network = describer as? NetworkDescriber
        if let flowers {
            let train = try describer.features(of: flowers.train)
            let test = try describer.features(of: flowers.test)
            let classifier = KNNClassifier(
                features: train.rows, labels: train.labels, classCount: flowers.train.classes.count)
            for accuracy in classifier.accuracies(
                of: test.rows, labels: test.labels, neighbourCounts: [10, 20])
            {
                add("knn\(accuracy.k)", accuracy.top1)
            }
        }
        if let animals {
            figures += self.figures(of: try KeypointTransfer(animals.pictures, describer), animals)
        }
        if let sequences, let network {
            add(
                "saliency", of: sequences,
                try sequences.overlap { try network.saliency(of: $0).foreground() })
            add(
                "segment", of: sequences,
                try sequences.coSegmentationOverlap(
                    of: network.extractor.model, options: network.segmentation))
        }
        if let creatures, let jointed {
            let transfer = try KeypointTransfer(creatures.keypointPictures, describer)
            add("creatures", transfer.score(creatures.pairs).percentage)
            if let network {
                var options = PartCoSegmentation.Options()
                options.foreground = network.segmentation
                options.parts = Part.allCases.count - 1
                add(
                    "parts",
                    try jointed.partAgreement(of: network.extractor.model, options: options))
            }
        }
        if let wall {
            for view in 2...3 {
                let (right, all) = try wall.share(of: describer, to: view)
                add("wall1-\(view)", 100 * Double(right) / Double(max(all, 1)))
            }
        }
        return figures
    }

    /// The scores of features in files, for the pictures with keypoints; the features are compared without binning.
    ///
    /// - Parameter folder: contains `keypoints/NAME.npy`, a map for each picture.
    func figures(ofMapsIn folder: String) throws -> [Figure] {
        guard let animals else { return [] }
        let grids = try zip(animals.names, animals.pictures).map { name, picture in
            try DescriptorGrid(map: "\(folder)/keypoints/\(name).npy", of: picture.image)
        }
        return figures(
            of: KeypointTransfer(animals.pictures, grids: grids, binning: .none), animals)
    }

    private func figures(of transfer: KeypointTransfer, _ animals: AnimalFrames) -> [Figure] {
        [
            ("dog", "dog", "dog"), ("horse", "horsejump", "horsejump"),
            ("dog-horse", "dog", "horsejump"), ("horse-dog", "horsejump", "dog"),
        ].map { name, source, target in
            let score = transfer.score(animals.pairs(from: source, to: target))
            return Figure(name: name, value: score.percentage)
        }
    }
}

/// A number with its name.
struct Figure {
    var name: String
    var value: Double
}
