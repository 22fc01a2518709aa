import Platform
import Tensors

/// Stochastic depth (Huang et al. 2016): in training, each of a block's two branches is skipped for some samples
/// and scaled up for the others (`drop_path` of vision_transformer.py).
///
///     x + branch(x) / keep   with probability keep, else x
///
/// The probability of skipping a branch grows linearly from 0 in the first block to `rate` in the last. Skipped
/// branches are not computed.
public struct StochasticDepth: Sendable {
    /// The samples of a batch that pass through one residual branch.
    struct Branch: Sendable {
        /// The samples' indices in ascending order.
        var kept: [Int]
        /// 1 / keep.
        var scale: Float
    }

    /// The samples of a block's two branches.
    typealias Branches = (attention: Branch, feedForward: Branch)

    /// One entry per block; nil if no sample ever skips a branch.
    private(set) var blocks: [Branches?]

    /// Draws the branches that each sample of a batch passes through.
    ///
    /// - Parameters:
    ///   - rate: the probability of skipping a branch of the last block, at least 0 and below 1.
    ///   - depth: the number of blocks.
    ///   - generators: one per sample, so that a sample's branches do not depend on the rest of its batch. Each is
    ///     drawn from twice per block except the first.
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
