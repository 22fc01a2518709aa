import Images
import Platform
import Tensors
import ViT

/// Trains a linear classifier on a network's features of pictures, and tests it after each epoch (eval_linear.py).
///
/// In each epoch a training picture is augmented anew: a random part of at least 8% of its area, bilinear, flipped
/// with probability 1/2. All random choices follow from the seed, the epoch and the picture's index.
public struct LinearEvaluation: Hashable, Sendable, Codable {
    /// How the classifier is trained.
    public var options = LinearProbe.Options()
    /// The features to use: by default the class tokens of the last four blocks, as for a ViT-S in eval_linear.py.
    public var embedding = FrozenEmbedding(lastBlocks: 4)
    /// The view of test pictures; training pictures have the same size.
    public var view = CentreView()
    /// Whether training pictures are augmented anew in each epoch, as in eval_linear.py. Otherwise their features
    /// are computed once, from the same view as test pictures, and epochs take little time.
    public var isAugmented = true
    /// The seed of all random choices.
    public var seed: UInt64 = 0

    /// Creates the evaluation of eval_linear.py for a ViT-S.
    public init() {}

    /// The results of one epoch.
    public struct Epoch: Hashable, Sendable, Codable {
        /// The epoch, counted from 0.
        public var epoch: Int
        /// The learning rate.
        public var learningRate: Double
        /// The mean loss of the epoch's steps.
        public var trainLoss: Double
        /// The score on the test pictures after the epoch.
        public var test: LinearProbe.Score
    }

    /// Progress of an evaluation.
    public enum Event: Sendable {
        /// The given number of further pictures has been processed by the network.
        case pictures(Int)
        /// An epoch has ended; `skipped` lists the pictures skipped so far.
        case epoch(Epoch, skipped: (train: [SkippedPicture], test: [SkippedPicture]))
    }

    /// The number of pictures that the network processes in a run.
    public func pictureCount(train: LabelledPictures, test: LabelledPictures) -> Int {
        test.paths.count + (isAugmented ? options.epochs : 1) * train.paths.count
    }

    /// Trains and tests a classifier.
    ///
    /// - Parameters:
    ///   - network: the network, which is not changed.
    ///   - train: the training pictures.
    ///   - test: the test pictures, of the same classes.
    ///   - communicator: the processes that divide the pictures among them; each trains the same classifier.
    ///   - report: receives each event; an error that it throws ends the run.
    /// - Returns: the trained probe.
    /// - Throws: `EvaluationError`; what `report` throws.
    /// - Precondition: the network has the blocks that the embedding uses; the view's crop is at least a patch.
    @discardableResult
    public func callAsFunction(
        _ network: any Backbone, train: LabelledPictures, test: LabelledPictures,
        across communicator: any Communicator = Alone(),
        report: (Event) throws -> Void
    ) throws -> LinearProbe {
        require(
            train.classes == test.classes,
            "LinearEvaluation: classes \(train.classes) and \(test.classes)")
        func shown(_ pictures: LabelledPictures) throws -> PictureFeatures {
            try PictureFeatures(
                of: pictures, network: network, embedding: embedding, view: view,
                across: communicator
            ) {
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
            // A batch indexes the rows of `fixed` or the readable pictures; neither changes within an epoch.
            for batch in batches(of: readable.count, epoch: epoch) {
                if let fixed {
                    let labels = batch.map { fixed.labels[$0] }
                    losses.append(
                        probe.step(fixed.features.samples(batch), labels: labels, rate: rate))
                    continue
                }
                let features = try augmented(
                    train, batch.map { readable[$0] }, network, epoch: epoch, communicator, report)
                skipped += features.skipped
                guard !features.labels.isEmpty else { continue }
                losses.append(probe.step(features.features, labels: features.labels, rate: rate))
            }
            if losses.isEmpty, let first = skipped.first {
                throw EvaluationError.nothingReadable(
                    folder: train.folder, count: skipped.count, reason: first.reason)
            }
            if fixed == nil {
                let broken = Set(skipped.map { FileName($0.path) })
                readable = readable.filter { !broken.contains(FileName(train.paths[$0])) }
            }
            let outcome = Epoch(
                epoch: epoch, learningRate: rate,
                trainLoss: losses.reduce(0, +) / Double(losses.count),
                test: probe.score(tests.features, labels: tests.labels))
            try communicator.together {
                try report(.epoch(outcome, skipped: (skipped, tests.skipped)))
            }
        }
        return probe
    }

    /// Separate streams of random numbers for separate purposes.
    private enum Stream {
        static let weights = 0
        static let order = 1
        static let views = 2
    }

    /// The indices 0..<count in an order that depends on the epoch, in batches, the last of which may be smaller.
    private func batches(of count: Int, epoch: Int) -> [[Int]] {
        var generator = Xoshiro256(seed: seed, stream: Stream.order, epoch)
        var order = Array(0..<count)
        generator.shuffle(&order)
        return stride(from: 0, to: count, by: options.batchSize).map {
            Array(order[$0..<min($0 + options.batchSize, count)])
        }
    }

    /// The features of some pictures, augmented for an epoch.
    private func augmented(
        _ pictures: LabelledPictures, _ batch: [Int], _ network: any Backbone, epoch: Int,
        _ communicator: any Communicator, _ report: (Event) throws -> Void
    ) throws -> PictureFeatures {
        try PictureFeatures(
            of: pictures, batch, network: network, embedding: embedding, side: view.cropSize,
            view: { index, photo in
                augmentedView(
                    of: photo, index: index, epoch: epoch, for: network.configuration)
            },
            across: communicator, progress: { try report(.pictures($0)) })
    }

    /// The augmented view of a training picture in an epoch, `[3, cropSize, cropSize]`.
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
