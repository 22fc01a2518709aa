internal import CKernels

extension Tensor {
    /// The gradient of `attention(heads:)` with respect to the joined projection (Dao et al. 2022,
    /// algorithm 4): the scores are computed again, a tile at a time, and turned into weights by each
    /// query's log-sum-exp.
    ///
    /// - Parameters:
    ///   - joined: the joined projection, `[batch, tokens, 3 * width]`.
    ///   - output: what attention gave, `[batch, tokens, width]`.
    ///   - logSumExp: as `attentionWithLogSumExp` gives it, `[batch, heads, tokens]`.
    ///   - gradient: of the output, `[batch, tokens, width]`.
    /// - Returns: `[batch, tokens, 3 * width]`, the same bits for any number of threads.
    /// - Complexity: O(batch x tokens² x width), 2.5 times the forward pass's products; scratch memory
    ///   of some 60,000 floats a thread for heads 64 wide, whatever the number of tokens.
    package static func attentionPullback(
        joined: Tensor, output: Tensor, logSumExp: Tensor, gradient: Tensor, heads: Int
    ) -> Tensor {
        precondition(
            joined.shape.rank == 3 && joined.shape[2] % (3 * heads) == 0
                && output.shape == [joined.shape[0], joined.shape[1], joined.shape[2] / 3]
                && gradient.shape == output.shape
                && logSumExp.shape == [joined.shape[0], heads, joined.shape[1]],
            """
            attentionPullback: joined \(joined.shape), output \(output.shape), log-sum-exp \
            \(logSumExp.shape), gradient \(gradient.shape), \(heads) heads
            """)
        let batch = joined.shape[0]
        let tokens = joined.shape[1]
        let width = joined.shape[2] / 3
        let headWidth = width / heads
        let result = Tensor(uninitialized: joined.shape)
        withExtendedLifetime((joined, output, logSumExp, gradient, result)) {
            Parallelism.perform(count: batch * heads) { task in
                let image = task / heads
                let channel = task % heads * headWidth
                let projection = joined.base + image * tokens * 3 * width + channel
                let target = result.mutableBase + image * tokens * 3 * width + channel
                let place = image * tokens * width + channel
                let scratch = Scratch(count: ck_attention_pullback_scratch(headWidth))
                Kernels.best.attention_pullback(
                    ck_attention_pullback_task(
                        query: projection, key: projection + width, value: projection + 2 * width,
                        row_stride: 3 * width, output: output.base + place,
                        gradient: gradient.base + place, output_row_stride: width,
                        log_sum_exp: logSumExp.base + task * tokens, query_gradient: target,
                        query_gradient_row_stride: 3 * width, key_gradient: target + width,
                        value_gradient: target + 2 * width, gradient_row_stride: 3 * width,
                        queries: tokens, keys: tokens, width: headWidth,
                        scale: 1 / Float(headWidth).squareRoot()),
                    scratch.base)
            }
        }
        return result
    }
}
