import Platform

extension Tensor {
    /// The same elements in another shape.
    ///
    /// - Precondition: both shapes have the same number of elements.
    /// - Complexity: O(1).
    public func reshaped(to shape: Shape) -> Tensor {
        require(
            shape.count == count, "reshaped: \(self.shape) cannot become \(shape)")
        let result = Tensor(shape: shape, storage: storage, offset: offset)
        guard let trace else { return result }
        return trace.tape.record(result) { [index = trace.index, from = self.shape] in
            $1.add($0.reshaped(to: from), to: index)
        }
    }

    /// A range of slices of the outermost dimension, sharing the elements.
    ///
    /// The gradient is passed to the range and is zero elsewhere.
    ///
    /// - Precondition: the tensor has a dimension, and `range` lies within the outermost.
    /// - Complexity: O(1).
    public func rows(_ range: Range<Int>) -> Tensor {
        require(
            shape.rank > 0 && 0 <= range.lowerBound && range.upperBound <= shape[0],
            "rows: \(range) outside \(shape)")
        let inner = Shape(Array(shape.dimensions.dropFirst()))
        let result = Tensor(
            shape: Shape([range.count] + inner.dimensions), storage: storage,
            offset: offset + range.lowerBound * inner.count)
        guard let trace else { return result }
        return trace.tape.record(result) { [index = trace.index, shape] gradient, cotangents in
            let start = range.lowerBound * inner.count
            cotangents.add(to: index, shape: shape) { sum in
                gradient.withUnsafeElements { gradient in
                    inChunks(of: gradient.count) { chunk in
                        for i in chunk { sum[start + i] += gradient[i] }
                    }
                }
            }
        }
    }
}
