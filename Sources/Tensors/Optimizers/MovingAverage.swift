import Platform

extension Tensor {
    /// `self = momentum self + (1 - momentum) other`, in place: how a teacher follows its student.
    /// Complexity: O(count), no memory.
    public mutating func moveAverage(towards other: Tensor, momentum: Double) {
        require(
            shape == other.shape && !isTracked, "moveAverage: \(shape) towards \(other.shape)")
        let target = uniqueBase()
        let (keep, share) = (Float(momentum), Float(1 - momentum))
        other.withUnsafeElements { source in
            inChunks(of: source.count) {
                for i in $0 { target[i] = keep * target[i] + share * source[i] }
            }
        }
    }
}

extension Module {
    /// The same for every parameter, towards that of a module of the same form.
    public mutating func moveAverage(towards other: Self, momentum: Double) {
        var sources = other.parameters.makeIterator()
        forEachParameter { name, parameter in
            guard let source = sources.next(), source.name == name else {
                fail("moveAverage: the other module has no \(name) here")
            }
            parameter.moveAverage(towards: source.tensor, momentum: momentum)
        }
    }
}
