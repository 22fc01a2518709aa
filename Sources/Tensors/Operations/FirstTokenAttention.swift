internal import CKernels
import Foundation
import Platform

extension Tensor {
    /// Self-attention of each image's first token only: the first row of the result of `attention`, in O(tokens)
    /// instead of O(tokens²).
    ///
    /// With p the softmax of a head's scores, o the result and `d_t = v_t · do`: `ds_t = scale p_t (d_t - Σ p d)`, `dq
    /// = Σ ds_t k_t`, `dk_t = ds_t q`, `dv_t = p_t do`. The pullback keeps queries, keys, values and p.
    ///
    /// - Parameters:
    ///   - query: the first token's queries, `[batch, width]`.
    ///   - keysAndValues: keys and then values, each with its heads side by side, `[batch, tokens, 2 * width]`.
    ///   - heads: the number of heads, a divisor of width.
    /// - Returns: `[batch, width]`.
    /// - Complexity: O(batch x tokens x width).
    public static func firstTokenAttention(
        query: Tensor, keysAndValues: Tensor, heads: Int
    ) -> Tensor {
        require(
            query.shape.rank == 2 && keysAndValues.shape.rank == 3
                && query.shape[0] == keysAndValues.shape[0]
                && 2 * query.shape[1] == keysAndValues.shape[2] && query.shape[1] % heads == 0,
            "firstTokenAttention: queries \(query.shape), keys and values \(keysAndValues.shape),"
                + " \(heads) heads")
        let sizes = Sizes(
            batch: query.shape[0], tokens: keysAndValues.shape[1], width: query.shape[1],
            heads: heads)
        var weights = Tensor(uninitialized: [sizes.batch, heads, sizes.tokens])
        var result = Tensor(uninitialized: query.shape)
        withUnsafePointers(writing: &weights, &result, reading: query, keysAndValues) {
            p, result, q, kv in
            Parallelism.perform(count: sizes.batch * heads) {
                sizes.attend($0, query: q, keysAndValues: kv, weights: p, result: result)
            }
        }
        guard let tape = Tape.of(query, keysAndValues) else { return result }
        return tape.record(result) {
            [
                query = query.untracked, keysAndValues = keysAndValues.untracked, weights,
                indices = (q: query.trace?.index, kv: keysAndValues.trace?.index)
            ] gradient, cotangents in
            // The gradient of the scores, kept apart because both gradients below need it.
            var scores = Tensor(uninitialized: weights.shape)
            withUnsafePointers(
                writing: &scores, reading: query, keysAndValues, weights, gradient
            ) { ds, q, kv, p, dy in
                Parallelism.perform(count: sizes.batch * heads) {
                    sizes.scoreGradient($0, of: dy, keysAndValues: kv, weights: p, into: ds)
                }
                cotangents.add(to: indices.q, shape: query.shape) { sum in
                    Parallelism.perform(count: sizes.batch * heads) {
                        sizes.addQueryGradient($0, keysAndValues: kv, scores: ds, to: sum)
                    }
                }
                cotangents.add(to: indices.kv, shape: keysAndValues.shape) { sum in
                    Parallelism.perform(count: sizes.batch * heads) {
                        sizes.addKeyAndValueGradients(
                            $0, of: dy, query: q, weights: p, scores: ds, to: sum)
                    }
                }
            }
        }
    }
}

/// The sizes of the operation; a task handles one head of one image.
private struct Sizes {
    let batch: Int
    let tokens: Int
    let width: Int
    let heads: Int

    var headWidth: Int { width / heads }
    var scale: Float { 1 / Float(headWidth).squareRoot() }

    /// The offset of a head's query or result.
    func row(_ task: Int) -> Int { task / heads * width + task % heads * headWidth }

    /// The offset of a token's key; its value is `width` further.
    func key(_ task: Int, _ token: Int) -> Int {
        (task / heads * tokens + token) * 2 * width + task % heads * headWidth
    }

    func attend(
        _ task: Int, query: UnsafePointer<Float>, keysAndValues: UnsafePointer<Float>,
        weights: UnsafeMutablePointer<Float>, result: UnsafeMutablePointer<Float>
    ) {
        let query = query + row(task)
        let weights = weights + task * tokens
        let result = result + row(task)
        var highest = -Float.infinity
        for t in 0..<tokens {
            weights[t] =
                scale * Float(Kernels.best.dot(headWidth, query, keysAndValues + key(task, t)))
            highest = max(highest, weights[t])
        }
        var total = 0.0
        for t in 0..<tokens {
            weights[t] = exp(weights[t] - highest)
            total += Double(weights[t])
        }
        let inverse = Float(1 / total)
        for i in 0..<headWidth { result[i] = 0 }
        for t in 0..<tokens {
            weights[t] *= inverse
            let (value, weight) = (keysAndValues + key(task, t) + width, weights[t])
            for i in 0..<headWidth { result[i] += weight * value[i] }
        }
    }

    func scoreGradient(
        _ task: Int, of gradient: UnsafePointer<Float>, keysAndValues: UnsafePointer<Float>,
        weights: UnsafePointer<Float>, into scores: UnsafeMutablePointer<Float>
    ) {
        let weights = weights + task * tokens
        let scores = scores + task * tokens
        var mean = 0.0
        for t in 0..<tokens {
            let value = keysAndValues + key(task, t) + width
            let slope = Kernels.best.dot(headWidth, value, gradient + row(task))
            scores[t] = Float(slope)
            mean += Double(weights[t]) * slope
        }
        for t in 0..<tokens { scores[t] = scale * weights[t] * (scores[t] - Float(mean)) }
    }

    func addQueryGradient(
        _ task: Int, keysAndValues: UnsafePointer<Float>, scores: UnsafePointer<Float>,
        to sum: UnsafeMutablePointer<Float>
    ) {
        let sum = sum + row(task)
        for t in 0..<tokens {
            let (key, slope) = (keysAndValues + key(task, t), scores[task * tokens + t])
            for i in 0..<headWidth { sum[i] += slope * key[i] }
        }
    }

    func addKeyAndValueGradients(
        _ task: Int, of gradient: UnsafePointer<Float>, query: UnsafePointer<Float>,
        weights: UnsafePointer<Float>, scores: UnsafePointer<Float>,
        to sum: UnsafeMutablePointer<Float>
    ) {
        let gradient = gradient + row(task)
        let query = query + row(task)
        for t in 0..<tokens {
            let keys = sum + key(task, t)
            let values = keys + width
            let (weight, slope) = (weights[task * tokens + t], scores[task * tokens + t])
            for i in 0..<headWidth {
                keys[i] += slope * query[i]
                values[i] += weight * gradient[i]
            }
        }
    }
}
