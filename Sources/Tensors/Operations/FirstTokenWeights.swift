internal import CKernels
import Foundation
import Platform

extension Tensor {
    /// The attention weights of each image's first token: the first row of `softmax(scale Q Kᵀ)` for each head.
    ///
    /// With p the result: `ds_t = scale p_t (dp_t - Σ p dp)`, `dq = Σ ds_t k_t`, `dk_t = ds_t q`. The pullback keeps
    /// queries, keys and p.
    ///
    /// - Parameters:
    ///   - query: the first token's queries, `[batch, width]`.
    ///   - keys: the keys of all heads side by side, `[batch, tokens, width]`.
    ///   - heads: the number of heads, a divisor of width.
    /// - Returns: the weights, `[batch, heads, tokens]`.
    /// - Complexity: O(batch x tokens x width).
    public static func firstTokenAttention(query: Tensor, keys: Tensor, heads: Int) -> Tensor {
        require(
            query.shape.rank == 2 && keys.shape.rank == 3 && query.shape[0] == keys.shape[0]
                && query.shape[1] == keys.shape[2] && keys.shape[2] % heads == 0,
            "firstTokenAttention: queries \(query.shape), keys \(keys.shape), \(heads) heads")
        let batch = keys.shape[0]
        let tokens = keys.shape[1]
        let width = keys.shape[2]
        let headWidth = width / heads
        let scale = 1 / Float(headWidth).squareRoot()
        var result = Tensor(uninitialized: [batch, heads, tokens])
        withUnsafePointers(writing: &result, reading: query, keys) { result, query, keys in
            for row in 0..<batch * heads {
                let image = row / heads
                let channel = row % heads * headWidth
                let scores = result + row * tokens
                multiply(
                    MatrixView(query + image * width + channel, rows: 1, columns: headWidth),
                    MatrixView(
                        keys + image * tokens * width + channel, rows: tokens,
                        columns: headWidth, rowStride: width
                    ).transposed,
                    into: scores, rowStride: tokens)
                softmaxInPlace(
                    UnsafeMutableBufferPointer(start: scores, count: tokens), scale: scale)
            }
        }
        guard let tape = Tape.of(query, keys) else { return result }
        return tape.record(result) {
            [
                query = query.untracked, keys = keys.untracked, weights = result,
                indices = (q: query.trace?.index, k: keys.trace?.index)
            ] gradient, cotangents in
            var scores = Tensor(uninitialized: weights.shape)
            withUnsafePointers(writing: &scores, reading: query, keys, weights, gradient) {
                ds, q, k, p, dp in
                Parallelism.perform(count: batch * heads) { row in
                    let (p, dp, ds) = (p + row * tokens, dp + row * tokens, ds + row * tokens)
                    let mean = Float(Kernels.best.dot(tokens, p, dp))
                    for t in 0..<tokens { ds[t] = scale * p[t] * (dp[t] - mean) }
                }
                /// Calls `body` for each key of a row with the gradient of its score and the key's offset.
                func forEachKey(_ row: Int, _ body: (_ slope: Float, _ place: Int) -> Void) {
                    let first = row / heads * tokens * width + row % heads * headWidth
                    for t in 0..<tokens { body(ds[row * tokens + t], first + t * width) }
                }
                cotangents.add(to: indices.q, shape: query.shape) { sum in
                    Parallelism.perform(count: batch * heads) { row in
                        let target = sum + row * headWidth
                        forEachKey(row) { slope, place in
                            let key = k + place
                            for i in 0..<headWidth { target[i] += slope * key[i] }
                        }
                    }
                }
                cotangents.add(to: indices.k, shape: keys.shape) { sum in
                    Parallelism.perform(count: batch * heads) { row in
                        let query = q + row * headWidth
                        forEachKey(row) { slope, place in
                            let target = sum + place
                            for i in 0..<headWidth { target[i] += slope * query[i] }
                        }
                    }
                }
            }
        }
    }

    /// The cross-entropy between targets and attention: for each image, attention x is averaged over the heads,
    /// restricted to some tokens and normalised to sum 1; the result is summed over the images.
    ///
    ///     m_p = (Σ_h x_hp) / heads,  loss = Σ_images -Σ_p t_p log(m_p / Σ_q m_q)
    ///
    /// `dx_hp = (Σ t / Σ m - t_p / m_p) / heads`. The pullback keeps the targets and m. This tensor is x, `[batch,
    /// heads, all tokens]`.
    ///
    /// - Parameters:
    ///   - targets: constants t, `[batch, tokens.count]`.
    ///   - tokens: the tokens that the targets belong to.
    /// - Returns: a scalar.
    /// - Complexity: O(count).
    public func attentionCrossEntropy(targets: Tensor, on tokens: Range<Int>) -> Tensor {
        require(
            shape.rank == 3 && targets.shape == [shape[0], tokens.count]
                && 0 <= tokens.lowerBound && tokens.upperBound <= shape[2]
                && !targets.isTracked,
            "attentionCrossEntropy: \(shape), targets \(targets.shape) on \(tokens)")
        let (batch, heads, all, count) = (shape[0], shape[1], shape[2], tokens.count)
        // Attention that underflowed to 0 is raised to the smallest normal number, to keep its logarithm finite.
        let least = Float.leastNormalMagnitude
        var means = Tensor(uninitialized: [batch, count])
        var losses = Tensor(uninitialized: [batch])
        withUnsafePointers(writing: &means, &losses, reading: self, targets) { m, losses, x, t in
            Parallelism.perform(count: batch) { image in
                let (m, t) = (m + image * count, t + image * count)
                let x = x + image * heads * all + tokens.lowerBound
                var (loss, total, weight) = (0.0, 0.0, 0.0)
                for p in 0..<count {
                    var sum: Float = 0
                    for head in 0..<heads { sum += x[head * all + p] }
                    m[p] = max(sum / Float(heads), least)
                    loss -= Double(t[p]) * log(Double(m[p]))
                    total += Double(m[p])
                    weight += Double(t[p])
                }
                losses[image] = Float(loss + weight * log(total))
            }
        }
        let result = Tensor(
            repeating: Float(losses.elements.reduce(0.0) { $0 + Double($1) }), shape: [])
        guard let trace else { return result }
        return trace.tape.record(result) {
            [shape, means, index = trace.index] gradient, cotangents in
            let factor = gradient[] / Float(heads)
            cotangents.add(to: index, shape: shape) { sum in
                withUnsafePointers(reading: means, targets) { m, t in
                    Parallelism.perform(count: batch) { image in
                        let (m, t) = (m + image * count, t + image * count)
                        let target = sum + image * heads * all + tokens.lowerBound
                        var (total, weight) = (0.0, 0.0)
                        for p in 0..<count {
                            total += Double(m[p])
                            weight += Double(t[p])
                        }
                        let share = Float(weight / total)
                        for p in 0..<count {
                            let slope = factor * (share - t[p] / m[p])
                            for head in 0..<heads { target[head * all + p] += slope }
                        }
                    }
                }
            }
        }
    }
}

/// `exp(scale x) / sum exp(scale x)` in place, with the largest score subtracted first.
private func softmaxInPlace(_ scores: UnsafeMutableBufferPointer<Float>, scale: Float) {
    guard let highest = scores.max() else { return }
    var total = 0.0
    for i in scores.indices {
        let weight = exp(scale * (scores[i] - highest))
        scores[i] = weight
        total += Double(weight)
    }
    let inverse = Float(1 / total)
    for i in scores.indices { scores[i] *= inverse }
}
