extension Tensor {
    /// A range of the innermost dimension: `[..., range.count]`. Complexity: O(result).
    public func columns(_ range: Range<Int>) -> Tensor {
        precondition(
            shape.rank > 0 && 0 <= range.lowerBound && range.upperBound <= shape[-1],
            "columns: \(range) outside \(shape)")
        let width = shape[-1]
        let result = Tensor(
            uninitialized: Shape(shape.dimensions.dropLast() + [range.count]))
        let rows = width > 0 ? count / width : 0
        withExtendedLifetime((self, result)) {
            for row in 0..<rows {
                (result.mutableBase + row * range.count).update(
                    from: base + row * width + range.lowerBound, count: range.count)
            }
        }
        return result
    }

    /// One index of the second dimension: `[n, ...]` of `[n, m, ...]`. Complexity: O(result).
    public func slices(at index: Int) -> Tensor {
        precondition(
            shape.rank >= 2 && 0 <= index && index < shape[1], "slices: \(index) outside \(shape)")
        let inner = Shape(Array(shape.dimensions.dropFirst(2)))
        let result = Tensor(uninitialized: Shape([shape[0]] + inner.dimensions))
        withExtendedLifetime((self, result)) {
            for row in 0..<shape[0] {
                (result.mutableBase + row * inner.count).update(
                    from: base + (row * shape[1] + index) * inner.count, count: inner.count)
            }
        }
        return result
    }
}
