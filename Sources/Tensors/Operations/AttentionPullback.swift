internal import CKernels
import Platform

extension Tensor {
    /// The gradient of `attention(heads:)` with respect to the joined projection (Dao et al. 2022, algorithm 4): the
    /// scores are recomputed tile by tile, and each query's log-sum-exp turns them into weights.
    ///
    /// - Parameters:
    ///   - joined: the joined projection, `[batch, tokens, 3 * width]`.
    ///   - output: the result of attention, `[batch, tokens, width]`.
    ///   - logSumExp: from `attentionWithLogSumExp`, `[batch, heads, tokens]`.
    ///   - gradient: the gradient of the output, `[batch, tokens, width]`.
    ///   - heads: the number of heads.
    /// - Returns: `[batch, tokens, 3 * width]`.
    /// - Complexity: O(batch x tokens² x width), 2.5 times the products of the forward pass. Scratch memory is about
    ///   200 kB per thread for heads of width 64, independent of the number of tokens.
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
        let pairs = joined.shape[0] * heads  // pairs of image and head
        var result = Tensor(uninitialized: joined.shape)

        // With few pairs and many tokens, the keys of a pair are split into parts. All parts contribute to the
        // gradients of the same queries: the first part writes to the result; the others write to memory of their own,
        // which is then added in a fixed order.
        let parts = max(1, min(16 / max(1, pairs), tokens / 256))
        let others = Storage(count: pairs * (parts - 1) * tokens * headWidth)
        // With few tokens, several pairs form a task, to make it worth distributing.
        let perTask = max(1, 2048 / max(1, tokens * tokens))
        let count = pairs * parts

        withUnsafePointers(
            writing: &result, reading: joined, output, logSumExp, gradient, others
        ) { result, joined, output, logSumExp, gradient, others in
            // The offset of a pair in rows of all heads, and another part's gradient of its queries.
            func place(_ pair: Int, rowStride: Int) -> Int {
                pair / heads * tokens * rowStride + pair % heads * headWidth
            }
            func other(_ pair: Int, _ part: Int) -> UnsafeMutablePointer<Float> {
                others + (pair * (parts - 1) + part - 1) * tokens * headWidth
            }
            Parallelism.perform(count: (count + perTask - 1) / perTask) { task in
                let scratch = Storage(count: ck_attention_pullback_scratch(headWidth))
                withUnsafePointers(reading: scratch) { scratch in
                    for item in task * perTask..<min(count, (task + 1) * perTask) {
                        let pair = item / parts
                        let part = item % parts
                        let first = tokens * part / parts
                        let joinedPlace = place(pair, rowStride: 3 * width)
                        let outputPlace = place(pair, rowStride: width)
                        let query = joined + joinedPlace
                        let key = query + first * 3 * width + width
                        let target = result + joinedPlace
                        let keyTarget = target + first * 3 * width + width
                        Kernels.best.attention_pullback(
                            ck_attention_pullback_task(
                                query: query, key: key, value: key + width, row_stride: 3 * width,
                                output: output + outputPlace, gradient: gradient + outputPlace,
                                output_row_stride: width, log_sum_exp: logSumExp + pair * tokens,
                                query_gradient: part == 0 ? target : other(pair, part),
                                query_gradient_row_stride: part == 0 ? 3 * width : headWidth,
                                key_gradient: keyTarget, value_gradient: keyTarget + width,
                                gradient_row_stride: 3 * width, queries: tokens,
                                keys: tokens * (part + 1) / parts - first, width: headWidth,
                                scale: 1 / Float(headWidth).squareRoot()),
                            scratch)
                    }
                }
            }
            guard parts > 1 else { return }
            Parallelism.perform(count: pairs) { pair in
                let target = result + place(pair, rowStride: 3 * width)
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
