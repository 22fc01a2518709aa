internal import CKernels
import Platform

extension Tensor {
    /// Divides each row of the innermost dimension by its length: `y = x / max(|x|, epsilon)`.
    ///
    /// `dx = (dy - y (y · dy)) / |x|`, or `dy / epsilon` for a row shorter than epsilon. The pullback keeps y and the
    /// divisors.
    ///
    /// - Parameter epsilon: the smallest divisor; the default is that of PyTorch's `normalize`.
    /// - Complexity: O(count).
    public func normalizedRows(epsilon: Float = 1e-12) -> Tensor {
        require(shape.rank >= 1 && epsilon > 0, "normalizedRows: \(shape), \(epsilon)")
        let width = shape[-1]
        let rows = width > 0 ? count / width : 0
        var result = Tensor(uninitialized: shape)
        var divisors = Tensor(uninitialized: [rows])
        withUnsafePointers(writing: &result, &divisors, reading: self) { y, divisors, x in
            for row in 0..<rows {
                let (source, target) = (x + row * width, y + row * width)
                let divisor = max(
                    Float(Kernels.best.dot(width, source, source).squareRoot()), epsilon)
                divisors[row] = divisor
                for i in 0..<width { target[i] = source[i] / divisor }
            }
        }
        guard let trace else { return result }
        return trace.tape.record(result) {
            [index = trace.index, shape, result, divisors] gradient, cotangents in
            cotangents.update(index, shape: shape) { sum, isSum in
                withUnsafePointers(reading: gradient, result, divisors) { dy, y, divisors in
                    for row in 0..<rows {
                        let (dy, y) = (dy + row * width, y + row * width)
                        let target = sum + row * width
                        let divisor = divisors[row]
                        let slope = divisor > epsilon ? Float(Kernels.best.dot(width, y, dy)) : 0
                        for i in 0..<width {
                            let share = (dy[i] - y[i] * slope) / divisor
                            target[i] = isSum ? target[i] + share : share
                        }
                    }
                }
            }
        }
    }
}
