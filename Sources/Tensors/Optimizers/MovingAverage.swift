import Platform

extension Tensor {
    /// Moves this tensor towards another in place: `self = momentum self + (1 - momentum) other`. This is how a teacher
    /// follows its student.
    ///
    /// - Precondition: the shapes are equal and this tensor is not tracked.
    /// - Complexity: O(count), without allocating.
    public mutating func moveAverage(towards other: Tensor, momentum: Double) {
        require(
            shape == other.shape && !isTracked, "moveAverage: \(shape) towards \(other.shape)")
        let (count, keep, share) = (count, Float(momentum), Float(1 - momentum))
        withUnsafePointers(writing: &self, reading: other) { target, source in
            inChunks(of: count) {
                for i in $0 { target[i] = keep * target[i] + share * source[i] }
            }
        }
    }
}

extension Module {
    /// Moves every parameter towards that of a module with the same parameters, in place; see `Tensor.moveAverage`.
    ///
    /// - Precondition: `other` has parameters of the same names, in the same order.
    public mutating func moveAverage(towards other: Self, momentum: Double) {
        var sources = other.parameters.makeIterator()
        forEachParameter { name, parameter in
            guard let source = sources.next(), source.name == name else {
                fail("moveAverage: the other module has no parameter \(name) here")
            }
            parameter.moveAverage(towards: source.tensor, momentum: momentum)
        }
    }
}
