import Platform

extension Tensor {
    /// The elementwise sum; its gradient is passed to both unchanged.
    ///
    /// - Precondition: the shapes are equal.
    /// - Complexity: O(count).
    public static func + (a: Tensor, b: Tensor) -> Tensor {
        require(a.shape == b.shape, "+: \(a.shape) and \(b.shape)")
        let result = Tensor(uninitialized: a.shape)
        withExtendedLifetime((a, b, result)) {
            let (a, b, target) = (a.base, b.base, result.mutableBase)
            inChunks(of: result.count) { for i in $0 { target[i] = a[i] + b[i] } }
        }
        guard let tape = Tape.of(a, b) else { return result }
        return tape.record(result) { [a = a.trace?.index, b = b.trace?.index] in
            $1.add($0, to: a)
            $1.add($0, to: b)
        }
    }

    /// Each element times `factor`; `dx = factor dy`.
    ///
    /// - Complexity: O(count).
    public func scaled(by factor: Float) -> Tensor {
        let result = Tensor(uninitialized: shape)
        withExtendedLifetime((self, result)) {
            let (source, target) = (base, result.mutableBase)
            inChunks(of: count) { for i in $0 { target[i] = factor * source[i] } }
        }
        guard let trace else { return result }
        return trace.tape.record(result) { [index = trace.index] in
            $0.scale(by: factor)
            $1.add($0, to: index)
        }
    }

    /// The sum of the elements, a scalar; `dx = dy` for each element.
    ///
    /// - Complexity: O(count).
    public func sum() -> Tensor { sum(times: 1) }

    /// The mean of the elements, a scalar; `dx = dy / count` for each element.
    ///
    /// - Precondition: there is at least one element.
    /// - Complexity: O(count).
    public func mean() -> Tensor {
        require(count > 0, "mean: no elements in \(shape)")
        return sum(times: 1 / Double(count))
    }

    private func sum(times factor: Double) -> Tensor {
        let total = withUnsafeElements { $0.reduce(0.0) { $0 + Double($1) } }
        let result = Tensor(repeating: Float(total * factor), shape: [])
        guard let trace else { return result }
        return trace.tape.record(result) { [shape, index = trace.index] gradient, cotangents in
            let share = gradient[] * Float(factor)
            cotangents.add(Tensor(repeating: share, shape: shape), to: index)
        }
    }
}
