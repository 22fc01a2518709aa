import Platform

extension Tensor {
    /// The elementwise sum; its gradient is passed to both unchanged.
    ///
    /// - Precondition: the shapes are equal.
    /// - Complexity: O(count).
    public static func + (a: Tensor, b: Tensor) -> Tensor {
        let result = Tensor(of: a, b, "+") { $0 + $1 }
        guard let tape = Tape.of(a, b) else { return result }
        return tape.record(result) { [a = a.trace?.index, b = b.trace?.index] in
            $1.add($0, to: a)
            $1.add($0, to: b)
        }
    }

    /// The element-wise difference; `da = dy`, `db = -dy`. Complexity: O(count).
    ///
    /// - Precondition: both have the same shape.
    public static func - (a: Tensor, b: Tensor) -> Tensor {
        let result = Tensor(of: a, b, "-") { $0 - $1 }
        guard let tape = Tape.of(a, b) else { return result }
        return tape.record(result) { [a = a.trace?.index, b = b.trace?.index] in
            $1.add($0, to: a)
            guard b != nil else { return }
            $0.scale(by: -1)
            $1.add($0, to: b)
        }
    }

    /// The element-wise product; `da = b dy`, `db = a dy`, for which each factor is kept. Complexity: O(count).
    ///
    /// - Precondition: both have the same shape.
    public static func * (a: Tensor, b: Tensor) -> Tensor {
        let result = Tensor(of: a, b, "*") { $0 * $1 }
        guard let tape = Tape.of(a, b) else { return result }
        let (aIndex, bIndex) = (a.trace?.index, b.trace?.index)
        // A factor is kept only for the gradient of the other.
        let keptA = bIndex == nil ? nil : a.untracked
        let keptB = aIndex == nil ? nil : b.untracked
        return tape.record(result) { gradient, cotangents in
            if let keptB { cotangents.add(gradient * keptB, to: aIndex) }
            if let keptA { cotangents.add(gradient * keptA, to: bIndex) }
        }
    }

    /// Each element with its sign changed. Complexity: O(count).
    public static prefix func - (x: Tensor) -> Tensor { x.scaled(by: -1) }

    /// The square of each element; `dx = 2 x dy`. Complexity: O(count).
    public func squared() -> Tensor { self * self }

    /// `max(x, 0)` of each element; `dx = dy` where x is above 0, else 0 (as PyTorch's). Complexity: O(count).
    public func relu() -> Tensor {
        let result = Tensor(of: self, self, "relu") { x, _ in x > 0 ? x : x.isNaN ? x : 0 }
        guard let trace else { return result }
        // Where the value is above 0 the argument is, too.
        return trace.tape.record(result) {
            [value = result.untracked, index = trace.index] gradient, cotangents in
            cotangents.add(
                Tensor(of: gradient, value, "relu") { $1 > 0 ? $0 : 0 }, to: index)
        }
    }

    /// Applies a function to each pair of elements; records nothing.
    @inline(__always)
    private init(
        of a: Tensor, _ b: Tensor, _ name: String, _ function: @Sendable (Float, Float) -> Float
    ) {
        require(a.shape == b.shape, "\(name): \(a.shape) and \(b.shape)")
        self.init(uninitialized: a.shape)
        let count = count
        withUnsafePointers(writing: &self, reading: a, b) { target, a, b in
            inChunks(of: count) { for i in $0 { target[i] = function(a[i], b[i]) } }
        }
    }

    /// Each element times `factor`; `dx = factor dy`.
    ///
    /// - Complexity: O(count).
    public func scaled(by factor: Float) -> Tensor {
        var result = Tensor(uninitialized: shape)
        withUnsafePointers(writing: &result, reading: self) { target, source in
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
