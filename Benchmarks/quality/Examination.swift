import DINO
import Descriptors
import Foundation
import Images
import Scores

/// The pictures, and what is measured on them.
struct Examination {
    private let flowers: (train: LabelledPictures, test: LabelledPictures)?
    private let animals: AnimalFrames?
    private let sequences: MaskedSequences?
    private let wall: WallViews?
    private let creatures: CreaturePairs?
    private let isQuick: Bool

    /// - Parameters:
    ///   - isQuick: whether fewer pictures are looked at.
    ///   - only: names of what to measure; nil for all.
    init(data: String, isQuick: Bool, only: Set<String>?) throws {
        self.isQuick = isQuick
        func isAsked(_ name: String) -> Bool { only?.contains(name) ?? true }
        func folder(_ name: String, for measure: String) -> String? {
            let path = "\(data)/\(name)"
            return isAsked(measure) && FileManager.default.fileExists(atPath: path) ? path : nil
        }
        flowers = try folder("flowers5", for: "knn").map { path in
            let train = try LabelledPictures(PictureFolder(path + "/train"))
            let test = try LabelledPictures(PictureFolder(path + "/val"), classesOf: train)
            return (train, test)
        }
        animals = try folder("keypoints", for: "keypoints").map(AnimalFrames.init(contentsOf:))
        sequences = try folder("davis", for: "foreground").map {
            try MaskedSequences(contentsOf: $0)
        }
        wall = isQuick ? nil : folder("graf", for: "wall").map(WallViews.init(contentsOf:))
        creatures =
            isAsked("creatures")
            ? CreaturePairs(
                count: isQuick ? 30 : 60, pairCount: isQuick ? 200 : 400, size: isQuick ? 112 : 224,
                seed: 0x5EED)
            : nil
    }

    func figures(of describer: some Describer) throws -> [Figure] {
        var figures: [Figure] = []
        func add(_ name: String, _ value: Double?) {
            figures.append(Figure(name: name, value: value))
        }
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
            let transfer = try KeypointTransfer(animals.pictures, describer)
            for (name, source, target) in [
                ("dog", "dog", "dog"), ("horse", "horsejump", "horsejump"),
                ("dog-horse", "dog", "horsejump"),
            ] {
                add(name, transfer.score(animals.pairs(from: source, to: target)).percentage)
            }
        }
        if let sequences {
            if let network = describer as? NetworkDescriber {
                let overlaps = try sequences.overlap { photo in
                    try network.saliency(of: photo).foreground()
                }
                for (sequence, overlap) in zip(sequences.sequences, overlaps) {
                    add("sal-" + sequence.name, overlap)
                }
                add("saliency", overlaps.reduce(0, +) / Double(overlaps.count))
            } else {
                for sequence in sequences.sequences { add("sal-" + sequence.name, nil) }
                add("saliency", nil)
            }
        }
        if let creatures {
            let transfer = try KeypointTransfer(creatures.keypointPictures, describer)
            add("creatures", transfer.score(creatures.pairs).percentage)
        }
        if let wall {
            for view in 2...3 {
                let (right, all) = try wall.share(of: describer, to: view)
                add("wall1-\(view)", 100 * Double(right) / Double(max(all, 1)))
            }
        }
        return figures
    }
}

/// A number with its name; nil for what cannot be measured.
struct Figure {
    var name: String
    var value: Double?
}
