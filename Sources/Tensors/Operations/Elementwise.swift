extension Tensor {
    /// Adds another tensor's elements in place.
    package mutating func add(_ other: Tensor) {
        precondition(count == other.count, "add: \(other.shape) to \(shape)")
        makeUnique()
        withExtendedLifetime((self, other)) {
            let target = mutableBase
            let source = other.base
            inChunks(of: count) { range in
                for i in range { target[i] += source[i] }
            }
        }
    }

    /// Multiplies the elements in place.
    package mutating func scale(by factor: Float) {
        makeUnique()
        withExtendedLifetime(self) {
            let target = mutableBase
            inChunks(of: count) { range in
                for i in range { target[i] *= factor }
            }
        }
    }
}

/// Runs `body` over 0..<count in pieces of one size, in parallel: the shape of every pass over
/// elements. A piece of each of four tensors stays in the second-level cache.
package func inChunks(of count: Int, _ body: (Range<Int>) -> Void) {
    let length = 1 << 14
    Parallelism.perform(count: (count + length - 1) / length) { chunk in
        body(chunk * length..<min(count, (chunk + 1) * length))
    }
}
