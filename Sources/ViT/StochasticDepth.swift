import Platform
import Tensors

/// Stochastic depth (Huang et al. 2016): in training, each of a block's two branches is left out for
/// some samples, and counts for more where it is not (`drop_path` of vision_transformer.py).
///
///     x + branch(x) / keep   with probability keep, else x
///
/// The rate at which a branch is left out grows linearly from 0 in the first block to `rate` in the
/// last. What is left out is not computed.
public struct StochasticDepth: Sendable {
    /// What one branch of one block keeps of a batch.
    struct Branch: Sendable {
        /// The samples that pass through the branch, in ascending order.
        var kept: [Int]
        /// 1 / keep.
        var scale: Float
    }

    /// What the two branches of a block keep.
    typealias Branches = (attention: Branch, feedForward: Branch)

    /// By block; `nil` where nothing is ever left out.
    private(set) var blocks: [Branches?]

    /// Draws what each sample of a batch passes through.
    ///
    /// - Parameters:
    ///   - rate: that of the last block, 0 up to but not 1.
    ///   - depth: the number of blocks.
    ///   - generators: one for each sample, so that what a sample passes through does not depend on
    ///     the others in its batch. Each is drawn from twice a block, but for the first.
    public init(
        rate: Double, depth: Int, generators: some Sequence<some RandomNumberGenerator>
    ) {
        require(0 <= rate && rate < 1, "StochasticDepth: rate \(rate) outside 0..<1")
        let rates = (0..<depth).map { depth > 1 ? rate * Double($0) / Double(depth - 1) : 0 }
        var attention = rates.map { Branch(kept: [], scale: Float(1 / (1 - $0))) }
        var feedForward = attention
        for (sample, generator) in generators.enumerated() {
            var generator = generator
            for (block, rate) in rates.enumerated() where rate > 0 {
                if generator.nextUniform() >= rate { attention[block].kept.append(sample) }
                if generator.nextUniform() >= rate { feedForward[block].kept.append(sample) }
            }
        }
        blocks = rates.indices.map { rates[$0] > 0 ? (attention[$0], feedForward[$0]) : nil }
    }
}
