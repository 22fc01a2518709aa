import Platform

extension Tensor {
    /// A range of the innermost dimension, copied: `[..., range.count]`.
    ///
    /// - Complexity: O(result).
    public func columns(_ range: Range<Int>) -> Tensor {
        require(
            shape.rank > 0 && 0 <= range.lowerBound && range.upperBound <= shape[-1],
            "columns: \(range) outside \(shape)")
        let width = shape[-1]
        return runs(
            of: range.count, at: range.lowerBound, every: width,
            count: width > 0 ? count / width : 0,
            shape: Shape(shape.dimensions.dropLast() + [range.count]))
    }

    /// One index of the second dimension, copied: `[n, ...]` of `[n, m, ...]`.
    ///
    /// - Complexity: O(result).
    public func slices(at index: Int) -> Tensor {
        require(
            shape.rank >= 2 && 0 <= index && index < shape[1], "slices: \(index) outside \(shape)")
        let inner = Shape(Array(shape.dimensions.dropFirst(2)))
        return runs(
            of: inner.count, at: index * inner.count, every: shape[1] * inner.count,
            count: shape[0], shape: Shape([shape[0]] + inner.dimensions))
    }

    /// A range of the second dimension, copied: `[n, range.count, ...]` of `[n, m, ...]`.
    ///
    /// - Complexity: O(result).
    public func slices(in range: Range<Int>) -> Tensor {
        require(
            shape.rank >= 2 && 0 <= range.lowerBound && range.upperBound <= shape[1],
            "slices: \(range) outside \(shape)")
        let inner = Shape(Array(shape.dimensions.dropFirst(2)))
        return runs(
            of: range.count * inner.count, at: range.lowerBound * inner.count,
            every: shape[1] * inner.count, count: shape[0],
            shape: Shape([shape[0], range.count] + inner.dimensions))
    }

    /// Copies `count` runs of elements at equal distances. The gradient of the elements between them is zero.
    private func runs(
        of length: Int, at start: Int, every step: Int, count: Int, shape resultShape: Shape
    ) -> Tensor {
        var result = Tensor(uninitialized: resultShape)
        withUnsafePointers(writing: &result, reading: self) { target, source in
            for run in 0..<count {
                (target + run * length).update(from: source + start + run * step, count: length)
            }
        }
        guard let trace else { return result }
        return trace.tape.record(result) { [shape, index = trace.index] gradient, cotangents in
            cotangents.add(to: index, shape: shape) { sum in
                gradient.withUnsafeElements { gradient in
                    for run in 0..<count {
                        let target = sum + start + run * step
                        for i in 0..<length { target[i] += gradient[run * length + i] }
                    }
                }
            }
        }
    }
}
