internal import CKernels
import Platform

// Operations that change a tensor in place, such as gradients and parameters. None is recorded on a tape.

extension Tensor {
    /// Adds another tensor's elements in place.
    package mutating func add(_ other: Tensor) {
        require(count == other.count, "add: \(other.shape) to \(shape)")
        let count = count
        withUnsafePointers(writing: &self, reading: other) { target, source in
            inChunks(of: count) { range in
                for i in range { target[i] += source[i] }
            }
        }
    }

    /// Multiplies the elements by a factor in place.
    package mutating func scale(by factor: Float) {
        let count = count
        withUnsafePointers(writing: &self) { target in
            inChunks(of: count) { range in
                for i in range { target[i] *= factor }
            }
        }
    }

    /// The sum of the products of two tensors' elements, accumulated in double precision except within blocks of a few
    /// hundred.
    ///
    /// - Complexity: O(count).
    package func dot(_ other: Tensor) -> Double {
        require(count == other.count, "dot: \(shape) and \(other.shape)")
        let chunks = (count + chunkLength - 1) / chunkLength
        return withUnsafeTemporaryAllocation(of: Double.self, capacity: chunks) { sums in
            withUnsafePointers(reading: self, other) { x, y in
                inChunks(of: count) {
                    sums[$0.lowerBound / chunkLength] = Kernels.best.dot(
                        $0.count, x + $0.lowerBound, y + $0.lowerBound)
                }
            }
            return sums.reduce(0, +)
        }
    }

    /// The sum of the squared elements.
    ///
    /// - Complexity: O(count).
    package var squaredLength: Double { dot(self) }
}

/// Elements per chunk of an elementwise pass: chunks of four tensors fit the second-level cache.
private let chunkLength = 1 << 14

/// Runs `body` over 0..<count in chunks of equal size, in parallel. All passes over elements use this.
package func inChunks(of count: Int, _ body: (Range<Int>) -> Void) {
    Parallelism.perform(count: (count + chunkLength - 1) / chunkLength) { chunk in
        body(chunk * chunkLength..<min(count, (chunk + 1) * chunkLength))
    }
}

/// Runs `body` over 0..<rows in blocks of equal size, in parallel. Passes over the rows of a matrix use this.
func inRowBlocks(of rows: Int, _ body: (_ block: Int, _ rows: Range<Int>) -> Void) {
    Parallelism.perform(count: rowBlocks(rows)) { block in
        body(block, block * rowsPerBlock..<min(rows, (block + 1) * rowsPerBlock))
    }
}

/// The number of blocks that `inRowBlocks` splits rows into.
func rowBlocks(_ rows: Int) -> Int { (rows + rowsPerBlock - 1) / rowsPerBlock }

private let rowsPerBlock = 32
