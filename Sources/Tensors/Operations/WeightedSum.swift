import Platform

extension Tensor {
    /// The sum of the elements, each times a constant; `dx = weights dy`.
    ///
    /// This injects a known gradient: the derivative of the result with respect to this tensor is `weights`.
    ///
    /// - Parameter weights: constants of the same shape.
    /// - Returns: a scalar.
    /// - Complexity: O(count).
    public func weightedSum(_ weights: Tensor) -> Tensor {
        require(
            weights.shape == shape && !weights.isTracked,
            "weightedSum: \(shape) with weights \(weights.shape)")
        let total = withUnsafeElements { x in
            weights.withUnsafeElements { w in
                zip(x, w).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            }
        }
        let result = Tensor(repeating: Float(total), shape: [])
        guard let trace else { return result }
        return trace.tape.record(result) { [index = trace.index] in
            $1.add(weights.scaled(by: $0[]), to: index)
        }
    }
}
