internal import CKernels
import Foundation
import Platform

extension Tensor {
    /// The cross-entropy of each row's softmax with rows of weights, summed over the rows:
    ///
    ///     loss = Σ_r -Σ_k w_rk log softmax(x_r / temperature)_k
    ///
    /// Weights need not sum to one: those of several targets may be added up beforehand.
    /// `dx_rk = (softmax(x_r / temperature)_k Σ_j w_rj - w_rk) / temperature`, times the loss's own. Kept for
    /// it: x, w and three numbers a row.
    ///
    /// - Parameters:
    ///   - weights: constants w, `[targets, classes]`; row r of x goes with row `r % targets`, so that
    ///     several crops may share theirs.
    ///   - temperature: above 0.
    /// - Returns: a scalar, for x of `[rows, classes]`.
    /// - Complexity: O(count).
    public func crossEntropy(softTargets weights: Tensor, temperature: Float) -> Tensor {
        require(
            shape.rank == 2 && weights.shape.rank == 2 && weights.shape[1] == shape[1]
                && weights.shape[0] > 0 && shape[0] % weights.shape[0] == 0,
            "crossEntropy: \(shape) with weights \(weights.shape)")
        require(!weights.isTracked, "crossEntropy: the weights are constants")
        require(temperature > 0, "crossEntropy: temperature \(temperature)")
        let (rows, classes, targets) = (shape[0], shape[1], weights.shape[0])
        let scale = 1 / temperature
        let x = untracked
        // The highest logit, the sum of exponentials below it, and the sum of weights.
        let sums = Tensor(uninitialized: [rows, 3])
        let losses = Tensor(uninitialized: [rows])
        withExtendedLifetime((x, weights, sums, losses)) {
            Parallelism.perform(count: rows) { row in
                let sums = sums.mutableBase + 3 * row
                let dot = Kernels.best.cross_entropy(
                    classes, x.base + row * classes, weights.base + row % targets * classes, scale,
                    sums)
                losses.mutableBase[row] = Float(Double(sums[2]) * log(Double(sums[1])) - dot)
            }
        }
        let loss = losses.elements.reduce(0.0) { $0 + Double($1) }
        let result = Tensor(repeating: Float(loss), shape: [])
        guard let trace else { return result }
        return trace.tape.record(result) { [index = trace.index] gradient, cotangents in
            let factor = gradient[] * scale
            cotangents.update(index, shape: x.shape) { target, isSum in
                withExtendedLifetime((x, weights, sums)) {
                    Parallelism.perform(count: rows) { row in
                        Kernels.best.cross_entropy_gradient(
                            classes, x.base + row * classes,
                            weights.base + row % targets * classes, scale, sums.base + 3 * row,
                            factor, target + row * classes, isSum)
                    }
                }
            }
        }
    }

    /// `softmax((x - centre) / temperature)` of each row, a constant: what a teacher says.
    ///
    /// - Parameters:
    ///   - centre: one number for each column; 0 unless given.
    ///   - temperature: above 0.
    /// - Complexity: O(count).
    public func softmax(centre: Tensor? = nil, temperature: Float = 1) -> Tensor {
        require(
            shape.rank >= 1 && centre.map { $0.count == shape[-1] } ?? true && temperature > 0,
            "softmax: \(shape), centre \(centre?.shape ?? []), temperature \(temperature)")
        require(
            Tape.of(self, centre) == nil, "softmax: has no gradient, and \(shape) is tracked")
        let classes = shape[-1]
        let result = Tensor(uninitialized: shape)
        withExtendedLifetime((self, centre, result)) {
            Parallelism.perform(count: classes > 0 ? count / classes : 0) { row in
                Kernels.best.softmax(
                    classes, base + row * classes, centre?.base, 1 / temperature,
                    result.mutableBase + row * classes)
            }
        }
        return result
    }
}
