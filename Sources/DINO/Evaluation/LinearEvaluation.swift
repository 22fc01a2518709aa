import Images
import Platform
import Tensors
import ViT

/// Trains a linear classifier on what a network makes of pictures, and tests it after each epoch
/// (eval_linear.py).
///
/// In each epoch a training picture is shown anew: a random part of at least 8% of its area, bilinear,
/// mirrored half of the time. What is random follows from the seed, the epoch and the picture's place.
public struct LinearEvaluation: Hashable, Sendable, Codable {
    public var options = LinearProbe.Options()
    /// What is taken of the network: by default of its last four blocks, as of a ViT-S in
    /// eval_linear.py.
    public var embedding = FrozenEmbedding(lastBlocks: 4)
    /// How test pictures are shown; training pictures have the same size.
    public var view = CentreView()
    /// Whether training pictures are shown anew in each epoch, as in eval_linear.py. Otherwise they are
    /// shown like test pictures, once, and epochs take little time.
    public var isAugmented = true
    public var seed: UInt64 = 0

    public init() {}

    /// What came of one epoch.
    public struct Epoch: Hashable, Sendable, Codable {
        /// From 0.
        public var epoch: Int
        public var learningRate: Double
        /// The mean loss of the epoch's steps.
        public var trainLoss: Double
        /// After the epoch's last step.
        public var test: LinearProbe.Score
    }

    /// What happens on the way.
    public enum Event: Sendable {
        /// So many more pictures have been through the network.
        case pictures(Int)
        /// An epoch is over; the pictures passed over up to now, training pictures first.
        case epoch(Epoch, skipped: (train: [SkippedPicture], test: [SkippedPicture]))
    }

    /// The pictures that go through the network in a run.
    public func pictureCount(train: LabelledPictures, test: LabelledPictures) -> Int {
        test.paths.count + (isAugmented ? options.epochs : 1) * train.paths.count
    }

    /// Trains and tests.
    ///
    /// - Parameters:
    ///   - train: the training pictures.
    ///   - test: the test pictures, of the same classes.
    ///   - report: is told of each event; an error of its own ends the run.
    /// - Returns: the trained probe.
    /// - Throws: `EvaluationError`; what `report` throws.
    /// - Precondition: the network has as many blocks as are taken; the view's crop is at least a patch.
    @discardableResult
    public func callAsFunction(
        _ network: any Backbone, train: LabelledPictures, test: LabelledPictures,
        report: (Event) throws -> Void
    ) throws -> LinearProbe {
        require(
            train.classes == test.classes,
            "LinearEvaluation: classes \(train.classes) and \(test.classes)")
        func shown(_ pictures: LabelledPictures) throws -> PictureFeatures {
            try PictureFeatures(of: pictures, network: network, embedding: embedding, view: view) {
                try report(.pictures($0))
            }
        }
        let tests = try shown(test)
        let fixed = isAugmented ? nil : try shown(train)
        var skipped = fixed?.skipped ?? []
        var readable = fixed?.indices ?? Array(train.paths.indices)
        var generator = Xoshiro256(seed: seed, stream: Stream.weights)
        var probe = LinearProbe(
            width: embedding.width(of: network), classCount: train.classes.count, using: &generator)
        for epoch in 0..<options.epochs {
            let rate = options.rate(ofEpoch: epoch)
            var losses: [Double] = []
            // Into `fixed`'s rows, or of the pictures: neither changes within an epoch.
            for batch in batches(of: readable.count, epoch: epoch) {
                if let fixed {
                    let labels = batch.map { fixed.labels[$0] }
                    losses.append(
                        probe.step(fixed.features.samples(batch), labels: labels, rate: rate))
                    continue
                }
                let features = try augmented(
                    train, batch.map { readable[$0] }, network, epoch: epoch, report)
                skipped += features.skipped
                guard !features.labels.isEmpty else { continue }
                losses.append(probe.step(features.features, labels: features.labels, rate: rate))
            }
            if losses.isEmpty, let first = skipped.first {
                throw EvaluationError.nothingReadable(
                    folder: train.folder, count: skipped.count, reason: first.reason)
            }
            if fixed == nil {
                let broken = Set(skipped.map(\.path))
                readable = readable.filter { !broken.contains(train.paths[$0]) }
            }
            let outcome = Epoch(
                epoch: epoch, learningRate: rate,
                trainLoss: losses.reduce(0, +) / Double(losses.count),
                test: probe.score(tests.features, labels: tests.labels))
            try report(.epoch(outcome, skipped: (skipped, tests.skipped)))
        }
        return probe
    }

    /// Random numbers of one purpose never stand in for those of another.
    private enum Stream {
        static let weights = 0
        static let order = 1
        static let views = 2
    }

    /// 0..<count in an order of the epoch's own, in batches of which the last may be smaller.
    private func batches(of count: Int, epoch: Int) -> [[Int]] {
        var generator = Xoshiro256(seed: seed, stream: Stream.order, epoch)
        var order = Array(0..<count)
        generator.shuffle(&order)
        return stride(from: 0, to: count, by: options.batchSize).map {
            Array(order[$0..<min($0 + options.batchSize, count)])
        }
    }

    /// The features of some pictures as they are shown in an epoch.
    private func augmented(
        _ pictures: LabelledPictures, _ batch: [Int], _ network: any Backbone, epoch: Int,
        _ report: (Event) throws -> Void
    ) throws -> PictureFeatures {
        try PictureFeatures(
            of: pictures, batch, network: network, embedding: embedding, side: view.cropSize,
            view: { index, photo in
                augmentedView(
                    of: photo, index: index, epoch: epoch, for: network.configuration)
            },
            progress: { try report(.pictures($0)) })
    }

    /// How the training picture of an index is shown in an epoch, `[3, cropSize, cropSize]`.
    package func augmentedView(
        of photo: Image, index: Int, epoch: Int, for network: VisionTransformer.Configuration
    ) -> Tensor {
        var generator = Xoshiro256(seed: seed, stream: Stream.views, epoch, index)
        let part = RandomResizedCrop().part(
            ofWidth: photo.width, height: photo.height, using: &generator)
        let isMirrored = generator.nextUniform() < 0.5
        let image = photo.resizedCrop(
            part, width: view.cropSize, height: view.cropSize, using: .bilinear,
            mirrored: isMirrored)
        return Preprocessing().tensor(of: image, for: network)
    }
}
