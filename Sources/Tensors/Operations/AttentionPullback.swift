internal import CKernels
import Platform

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
    /// - Returns: `[batch, tokens, 3 * width]`.
    /// - Complexity: O(batch x tokens² x width), 2.5 times the forward pass's products. Scratch memory
    ///   is some 200 kB a thread for heads 64 wide, whatever the number of tokens.
    package static func attentionPullback(
        joined: Tensor, output: Tensor, logSumExp: Tensor, gradient: Tensor, heads: Int
    ) -> Tensor {
        require(
            joined.shape.rank == 3 && joined.shape[2] % (3 * heads) == 0
                && output.shape == [joined.shape[0], joined.shape[1], joined.shape[2] / 3]
                && gradient.shape == output.shape
                && logSumExp.shape == [joined.shape[0], heads, joined.shape[1]],
            """
            attentionPullback: joined \(joined.shape), output \(output.shape), log-sum-exp \
            \(logSumExp.shape), gradient \(gradient.shape), \(heads) heads
            """)
        let tokens = joined.shape[1]
        let width = joined.shape[2] / 3
        let headWidth = width / heads
        let pairs = joined.shape[0] * heads  // of an image and a head
        let result = Tensor(uninitialized: joined.shape)

        // Where there are few pairs and many tokens, a pair's keys are cut into parts. All parts add to
        // the gradient of the same queries: the first part's goes into the result, the others' are
        // kept apart until they are added in their order.
        let parts = max(1, min(16 / max(1, pairs), tokens / 256))
        let others = Tensor(uninitialized: [pairs, parts - 1, tokens, headWidth])
        // Of few tokens, several pairs make a task that is worth handing out.
        let perTask = max(1, 2048 / max(1, tokens * tokens))
        let count = pairs * parts

        withExtendedLifetime((joined, output, logSumExp, gradient, result, others)) {
            // Where a pair begins in rows of all heads, and another part's gradient of its queries.
            func place(_ pair: Int, rowStride: Int) -> Int {
                pair / heads * tokens * rowStride + pair % heads * headWidth
            }
            func other(_ pair: Int, _ part: Int) -> UnsafeMutablePointer<Float> {
                others.mutableBase + (pair * (parts - 1) + part - 1) * tokens * headWidth
            }
            Parallelism.perform(count: (count + perTask - 1) / perTask) { task in
                let scratch = Scratch(count: ck_attention_pullback_scratch(headWidth))
                for item in task * perTask..<min(count, (task + 1) * perTask) {
                    let pair = item / parts
                    let part = item % parts
                    let first = tokens * part / parts
                    let joinedPlace = place(pair, rowStride: 3 * width)
                    let outputPlace = place(pair, rowStride: width)
                    let query = joined.base + joinedPlace
                    let key = query + first * 3 * width + width
                    let target = result.mutableBase + joinedPlace
                    let keyTarget = target + first * 3 * width + width
                    Kernels.best.attention_pullback(
                        ck_attention_pullback_task(
                            query: query, key: key, value: key + width, row_stride: 3 * width,
                            output: output.base + outputPlace,
                            gradient: gradient.base + outputPlace, output_row_stride: width,
                            log_sum_exp: logSumExp.base + pair * tokens,
                            query_gradient: part == 0 ? target : other(pair, part),
                            query_gradient_row_stride: part == 0 ? 3 * width : headWidth,
                            key_gradient: keyTarget, value_gradient: keyTarget + width,
                            gradient_row_stride: 3 * width, queries: tokens,
                            keys: tokens * (part + 1) / parts - first, width: headWidth,
                            scale: 1 / Float(headWidth).squareRoot()),
                        scratch.base)
                }
            }
            guard parts > 1 else { return }
            Parallelism.perform(count: pairs) { pair in
                let target = result.mutableBase + place(pair, rowStride: 3 * width)
                for part in 1..<parts {
                    let other = other(pair, part)
                    for token in 0..<tokens {
                        for channel in 0..<headWidth {
                            target[token * 3 * width + channel] +=
                                other[token * headWidth + channel]
                        }
                    }
                }
            }
        }
        return result
    }
}
