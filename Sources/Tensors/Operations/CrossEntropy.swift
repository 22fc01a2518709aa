internal import CKernels
import Foundation
import Platform

extension Tensor {
    /// The cross-entropy between soft targets and the softmax of each row, summed over the rows:
    ///
    ///     loss = Σ_r -Σ_k w_rk log softmax(x_r / temperature)_k
    ///
    /// Weights need not sum to 1: several targets may be added up beforehand.
    /// `dx_rk = (softmax(x_r / temperature)_k Σ_j w_rj - w_rk) / temperature`, times the gradient of the loss. The
    /// pullback keeps x, w and three numbers per row. This tensor is x, `[rows, classes]`.
    ///
    /// - Parameters:
    ///   - weights: constants w, `[targets, classes]`; row r of x is paired with row `r % targets`, so that several
    ///     crops can share targets.
    ///   - temperature: divides the logits; above 0.
    /// - Returns: a scalar.
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
        // The highest logit, the sum of the exponentials relative to it, and the sum of the weights.
        var sums = Tensor(uninitialized: [rows, 3])
        var losses = Tensor(uninitialized: [rows])
        withUnsafePointers(writing: &sums, &losses, reading: x, weights) {
            sums, losses, x, weights in
            Parallelism.perform(count: rows) { row in
                let sums = sums + 3 * row
                let dot = Kernels.best.cross_entropy(
                    classes, x + row * classes, weights + row % targets * classes, scale, sums)
                losses[row] = Float(Double(sums[2]) * log(Double(sums[1])) - dot)
            }
        }
        let loss = losses.elements.reduce(0.0) { $0 + Double($1) }
        let result = Tensor(repeating: Float(loss), shape: [])
        guard let trace else { return result }
        return trace.tape.record(result) { [sums, index = trace.index] gradient, cotangents in
            let factor = gradient[] * scale
            cotangents.update(index, shape: x.shape) { target, isSum in
                withUnsafePointers(reading: x, weights, sums) { x, weights, sums in
                    Parallelism.perform(count: rows) { row in
                        Kernels.best.cross_entropy_gradient(
                            classes, x + row * classes, weights + row % targets * classes, scale,
                            sums + 3 * row, factor, target + row * classes, isSum)
                    }
                }
            }
        }
    }

    /// `softmax((x - centre) / temperature)` of each row, as a constant: a teacher's distribution.
    ///
    /// - Parameters:
    ///   - centre: one number for each column; 0 by default.
    ///   - temperature: above 0; 1 by default.
    /// - Precondition: neither this tensor nor the centre is tracked.
    /// - Complexity: O(count).
    public func softmax(centre: Tensor? = nil, temperature: Float = 1) -> Tensor {
        require(
            shape.rank >= 1 && centre.map { $0.count == shape[-1] } ?? true && temperature > 0,
            "softmax: \(shape), centre \(centre?.shape ?? []), temperature \(temperature)")
        require(
            Tape.of(self, centre) == nil, "softmax: \(shape) is tracked, but there is no gradient")
        let classes = shape[-1]
        var result = Tensor(uninitialized: shape)
        withUnsafePointers(writing: &result, reading: self, centre) { y, x, centre in
            Parallelism.perform(count: classes > 0 ? count / classes : 0) { row in
                Kernels.best.softmax(
                    classes, x + row * classes, centre, 1 / temperature, y + row * classes)
            }
        }
        return result
    }
}
