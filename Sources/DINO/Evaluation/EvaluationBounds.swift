import Tensors
import ViT

extension LinearProbe.Options: Bounded {
    /// The ranges of valid values.
    package enum Bounds {
        package static let epochs = DINOOptions.Bounds.epochs
        package static let learningRate = Bound("learning rate", 1e-12...1e6)
        package static let batchSize = TrainingConfiguration.Bounds.batchSize
    }

    /// A message about the first value that is out of bounds; nil if all are valid.
    public var fault: String? {
        firstFault(
            Bounds.epochs.fault(epochs), Bounds.learningRate.fault(learningRate),
            Bounds.batchSize.fault(batchSize))
    }
}

extension FrozenEmbedding: Bounded {
    package static let blockCounts = Bound(
        "number of last blocks", VisionTransformer.Configuration.Bounds.depth.range)

    /// A message if the number of blocks is out of bounds; nil if it is valid.
    public var fault: String? { Self.blockCounts.fault(lastBlocks) }
}

extension LinearEvaluation: Bounded {
    /// A message about the first invalid option; nil if all are valid.
    public var fault: String? { options.fault ?? embedding.fault ?? view.fault }
}

extension KNNClassifier {
    /// At most all training pictures vote.
    package static let neighbourBound = Bound("number of neighbours", 1...Int.max)
    /// Cosines lie in -1...1.
    package static let temperatures = Bound("temperature of the votes", 1e-4...1e3)
}
