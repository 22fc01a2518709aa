internal import CKernels
import Platform

extension Tensor {
    /// `y = silu(a) b`, where a is the first half of the innermost dimension and b the second, `silu(a) = a s(a)`,
    /// `s(a) = 1 / (1 + exp(-a))` (Shazeer 2020, "GLU Variants Improve Transformer"; SwiGLUFFN of dinov2's
    /// layers/swiglu_ffn.py).
    ///
    /// `da = dy b (s + a s (1 - s))`, `db = dy silu(a)`. The pullback keeps x and recomputes s.
    ///
    /// - Returns: `[..., hidden]` for x of `[..., 2 * hidden]`.
    /// - Complexity: O(count), in one pass over memory.
    public func swiGLU() -> Tensor {
        require(
            shape.rank >= 1 && shape[-1] % 2 == 0,
            "swiGLU: \(shape) does not split into two halves")
        let hidden = shape[-1] / 2
        let rows = hidden > 0 ? count / (2 * hidden) : 0
        var result = Tensor(uninitialized: Shape(shape.dimensions.dropLast() + [hidden]))
        withUnsafePointers(writing: &result, reading: self) { y, x in
            inRowBlocks(of: rows) { _, rows in
                let first = rows.lowerBound * hidden
                Kernels.best.swiglu(rows.count, hidden, x + 2 * first, y + first)
            }
        }
        guard let trace else { return result }
        return trace.tape.record(result) {
            [x = untracked, index = trace.index] gradient, cotangents in
            cotangents.update(index, shape: x.shape) { dx, isSum in
                withUnsafePointers(reading: x, gradient) { x, dy in
                    inRowBlocks(of: rows) { _, rows in
                        let first = rows.lowerBound * hidden
                        Kernels.best.swiglu_gradient(
                            rows.count, hidden, x + 2 * first, dy + first, dx + 2 * first, isSum)
                    }
                }
            }
        }
    }
}
