internal import CKernels
import Platform

extension Tensor {
    /// Multi-head self-attention: `softmax(scale Q Kᵀ) V` for each image and head, with scale = 1 / sqrt(width / heads)
    /// (Vaswani et al. 2017).
    ///
    /// This tensor is the joined projection `[batch, tokens, 3 * width]`: queries, keys and values side by side, each
    /// with its heads side by side. They are read in place, and the scores exist only as tiles (Dao et al. 2022):
    /// memory is O(batch x tokens x width).
    ///
    /// The pullback (`attentionPullback`) keeps the joined projection, the result, and each query's log-sum-exp.
    ///
    /// - Parameter heads: the number of heads, a divisor of width.
    /// - Returns: `[batch, tokens, width]`.
    /// - Complexity: O(batch x tokens² x width).
    public func attention(heads: Int) -> Tensor {
        guard let trace else { return attention(heads: heads, logSumExp: nil) }
        let (output, logSumExp) = attentionWithLogSumExp(heads: heads)
        return trace.tape.record(output) { [joined = untracked, index = trace.index] in
            $1.add(
                Tensor.attentionPullback(
                    joined: joined, output: output, logSumExp: logSumExp, gradient: $0, heads: heads
                ),
                to: index)
        }
    }

    /// `attention(heads:)` with the log-sum-exp that its pullback needs: the base-2 logarithm of the sum of the
    /// exponentials of each query's scores, `[batch, heads, tokens]`.
    package func attentionWithLogSumExp(heads: Int) -> (output: Tensor, logSumExp: Tensor) {
        var logSumExp = Tensor(uninitialized: [shape[0], heads, shape[1]])
        let output = withUnsafePointers(writing: &logSumExp) {
            attention(heads: heads, logSumExp: $0)
        }
        return (output, logSumExp)
    }

    /// - Parameter logSumExp: memory to fill, `[batch, heads, tokens]`, or nil.
    private func attention(heads: Int, logSumExp: UnsafeMutablePointer<Float>?) -> Tensor {
        require(
            shape.rank == 3 && shape[2] % (3 * heads) == 0,
            "attention: \(shape) with \(heads) heads")
        let batch = shape[0]
        let tokens = shape[1]
        let width = shape[2] / 3
        let headWidth = width / heads
        var result = Tensor(uninitialized: [batch, tokens, width])

        let vectors = (tokens + queryVector - 1) / queryVector
        let groups = (vectors + attentionGroup - 1) / attentionGroup
        let prepared = preparedKeys(heads: heads)
        withUnsafePointers(writing: &result, reading: self, prepared) { result, joined, prepared in
            Parallelism.perform(count: batch * heads * groups) { task in
                let image = task / (heads * groups)
                let head = task / groups % heads
                let group = task % groups
                // Equal groups of whole vectors: the last group is not thin, and only the last vector has unused lanes.
                let first = queryVector * (vectors * group / groups)
                let queries = min(queryVector * (vectors * (group + 1) / groups), tokens) - first
                let projection = joined + image * tokens * 3 * width + head * headWidth
                let row = image * heads + head
                withUnsafePointers(reading: Storage(count: ck_attention_scratch(headWidth))) {
                    Kernels.best.attention(
                        ck_attention_task(
                            query: projection + first * 3 * width, key: projection + width,
                            value: projection + 2 * width, row_stride: 3 * width,
                            prepared: prepared.map {
                                $0 + row * ck_prepared_keys(tokens, headWidth)
                            },
                            output: result + (image * tokens + first) * width + head * headWidth,
                            output_row_stride: width,
                            log_sum_exp: logSumExp.map { $0 + row * tokens + first },
                            queries: queries, keys: tokens, width: headWidth,
                            scale: 1 / Float(headWidth).squareRoot()),
                        $0)
                }
            }
        }
        return result
    }

    /// Keys and values in the kernels' preferred layout, one row per image and head; nil if they are used too few times
    /// to pay for it.
    private func preparedKeys(heads: Int) -> Tensor? {
        // Preparation is linear in the tokens, what it saves is quadratic: it pays from here on.
        guard shape[1] >= 160 else { return nil }
        let tokens = shape[1]
        let width = shape[2] / 3
        let headWidth = width / heads
        let length = ck_prepared_keys(tokens, headWidth)
        var result = Tensor(uninitialized: [shape[0] * heads, length])
        withUnsafePointers(writing: &result, reading: self) { prepared, joined in
            Parallelism.perform(count: shape[0] * heads) { row in
                let query =
                    joined + row / heads * tokens * shape[2] + row % heads * headWidth
                Kernels.best.prepare_keys(
                    tokens, headWidth, query + width, query + 2 * width, shape[2],
                    prepared + row * length)
            }
        }
        return result
    }
}

/// Queries that the kernel processes together: the widest instruction set's vector.
private let queryVector = 16

/// The most vectors of queries in one attention task: whole panels of the kernel.
private let attentionGroup = Int(CK_ATTENTION_QUERIES) / queryVector
