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
        attention(heads: heads, inIntegers: false)
    }

    /// `attention(heads:)`, with both products in 16-bit integers if `inIntegers` is true, the processor is faster with
    /// them, and nothing is recorded for differentiation. Weights are then rounded to multiples of 2^-12 of the highest
    /// of their block of at most 128 keys.
    package func attention(heads: Int, inIntegers: Bool) -> Tensor {
        guard let trace else {
            let isFaster = isPreparationWorthwhile && IntegerKernels.areFasterInAttention
            return attention(
                heads: heads, logSumExp: nil, by: inIntegers && isFaster ? .best : nil)
        }
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
            attention(heads: heads, logSumExp: $0, by: nil)
        }
        return (output, logSumExp)
    }

    /// - Parameters:
    ///   - logSumExp: memory to fill, `[batch, heads, tokens]`, or nil.
    ///   - integers: the kernels for attention in integers, which do not compute the log-sum-exp; nil for floats.
    private func attention(
        heads: Int, logSumExp: UnsafeMutablePointer<Float>?, by integers: IntegerKernels?
    ) -> Tensor {
        require(
            shape.rank == 3 && shape[2] % (3 * heads) == 0,
            "attention: \(shape) with \(heads) heads")
        let batch = shape[0]
        let tokens = shape[1]
        let width = shape[2] / 3
        let headWidth = width / heads
        var result = Tensor(uninitialized: [batch, tokens, width])

        let panels = (tokens + queryPanel - 1) / queryPanel
        let groups = (panels + attentionGroup - 1) / attentionGroup
        let prepared = preparedKeys(heads: heads, by: integers)
        let preparedLength = prepared?.shape[1] ?? 0
        let scratch =
            integers == nil
            ? ck_attention_scratch(headWidth) : ck_integer_attention_scratch(headWidth)
        withUnsafePointers(writing: &result, reading: self, prepared) { result, joined, prepared in
            Parallelism.perform(count: batch * heads * groups) { task in
                let image = task / (heads * groups)
                let head = task / groups % heads
                let group = task % groups
                // Equal groups of whole panels: the last group is not thin, and only the last panel is narrow.
                let first = queryPanel * (panels * group / groups)
                let queries = min(queryPanel * (panels * (group + 1) / groups), tokens) - first
                let projection = joined + image * tokens * 3 * width + head * headWidth
                let row = image * heads + head
                let target = result + (image * tokens + first) * width + head * headWidth
                let task = ck_attention_task(
                    query: projection + first * 3 * width, key: projection + width,
                    value: projection + 2 * width, row_stride: 3 * width,
                    prepared: prepared.map { $0 + row * preparedLength },
                    output: target, output_row_stride: width,
                    log_sum_exp: logSumExp.map { $0 + row * tokens + first },
                    queries: queries, keys: tokens, width: headWidth,
                    scale: 1 / Float(headWidth).squareRoot())
                withUnsafePointers(reading: Storage(count: scratch)) {
                    if let integers {
                        integers.attention(task, $0)
                    } else {
                        Kernels.best.attention(task, $0)
                    }
                }
            }
        }
        return result
    }

    /// Whether the keys are used often enough for their preparation: it is linear in the tokens, what it saves is
    /// quadratic.
    private var isPreparationWorthwhile: Bool { shape.rank == 3 && shape[1] >= 160 }

    /// Keys and values in the kernels' preferred layout, one row per image and head; nil if that does not pay.
    private func preparedKeys(heads: Int, by integers: IntegerKernels?) -> Tensor? {
        guard isPreparationWorthwhile else { return nil }
        let tokens = shape[1]
        let width = shape[2] / 3
        let headWidth = width / heads
        let length =
            integers == nil
            ? ck_prepared_keys(tokens, headWidth) : ck_prepared_integer_keys(tokens, headWidth)
        var result = Tensor(uninitialized: [shape[0] * heads, length])
        withUnsafePointers(writing: &result, reading: self) { prepared, joined in
            Parallelism.perform(count: shape[0] * heads) { row in
                let key = joined + row / heads * tokens * shape[2] + row % heads * headWidth + width
                let target = prepared + row * length
                guard let integers else {
                    Kernels.best.prepare_keys(
                        tokens, headWidth, key, key + width, shape[2], target)
                    return
                }
                withUnsafePointers(
                    reading: Storage(count: ck_integer_attention_scratch(headWidth))
                ) {
                    integers.prepare_keys(
                        tokens, headWidth, key, key + width, shape[2], target, $0)
                }
            }
        }
        return result
    }
}

/// Queries that the kernel processes together: the panel of the widest instruction set, a whole number of the others'.
private let queryPanel = 48

/// The most panels of queries in one attention task.
private let attentionGroup = Int(CK_ATTENTION_QUERIES) / queryPanel
