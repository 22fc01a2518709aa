import Platform

extension Tensor {
    /// The sums along an axis, which the result lacks; `dx = dy` for each term. Complexity: O(count).
    ///
    /// - Parameter axis: counted from 0, or from the end, -1 being the last.
    /// - Returns: for a shape `[a, b, c]` and axis 1 a tensor `[a, c]`.
    public func sum(axis: Int) -> Tensor { sum(axis: axis, times: 1) }

    /// The means along an axis, which the result lacks; `dx = dy / extent` for each term. Complexity: O(count).
    ///
    /// - Parameter axis: counted from 0, or from the end, -1 being the last.
    /// - Precondition: the axis holds elements.
    public func mean(axis: Int) -> Tensor {
        let extent = shape[self.axis(axis, "mean")]
        require(extent > 0, "mean: no elements along axis \(axis) of \(shape)")
        return sum(axis: axis, times: 1 / Double(extent))
    }

    /// - Returns: the axis counted from 0.
    private func axis(_ axis: Int, _ operation: String) -> Int {
        let index = axis < 0 ? shape.rank + axis : axis
        require(shape.dimensions.indices.contains(index), "\(operation): axis \(axis) of \(shape)")
        return index
    }

    /// Sums in double precision, times a factor.
    private func sum(axis: Int, times factor: Double) -> Tensor {
        let axis = self.axis(axis, "sum")
        let extent = shape[axis]
        var dimensions = shape.dimensions
        dimensions.remove(at: axis)
        let inner = dimensions[axis...].reduce(1, *)
        var result = Tensor(uninitialized: Shape(dimensions))
        let count = result.count
        withUnsafePointers(writing: &result, reading: self) { target, source in
            inChunks(of: count) { chunk in
                for i in chunk {
                    let first = source + i / max(inner, 1) * extent * inner + i % max(inner, 1)
                    var total = 0.0
                    for step in 0..<extent { total += Double(first[step * inner]) }
                    target[i] = Float(total * factor)
                }
            }
        }
        guard let trace else { return result }
        return trace.tape.record(result) { [shape, index = trace.index] gradient, cotangents in
            cotangents.update(index, shape: shape) { target, isSum in
                gradient.withUnsafeElements { gradient in
                    for (i, share) in gradient.enumerated() {
                        let first = target + i / inner * extent * inner + i % inner
                        let share = share * Float(factor)
                        for step in 0..<extent {
                            first[step * inner] = (isSum ? first[step * inner] : 0) + share
                        }
                    }
                }
            }
        }
    }
}
