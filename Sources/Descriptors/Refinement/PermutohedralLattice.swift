import Platform
import Tensors

/// Four channels that are filtered together.
package typealias FilterChannels = SIMD4<Float>

/// A Gaussian filter of scattered points in a few dimensions, by the permutohedral lattice of Adams,
/// Baek and Davis (2010): values are spread to the corners of the points' simplices, blurred along
/// each axis of the lattice, and gathered again.
///
/// With `blur(v) = v + (one step ahead + one step back) / 2` along each of the d + 1 axes it is the
/// filter of Krähenbühl and Koltun's program, which pydensecrf wraps: only vertices of the points'
/// simplices exist. The program's factor `1 / (1 + 2^-d)` is omitted, as normalising cancels it.
///
/// Vertices are sorted by their packed coordinates. So the neighbours along an axis are sorted too: one
/// pass over both finds them, and blurs read memory sequentially.
package struct PermutohedralLattice: Sendable {
    package let dimensions: Int
    package let points: Int
    package let vertices: Int
    /// The vertices at each point's corners, `[points, dimensions + 1]`.
    let corners: Block<Int32>
    /// The weights of the corners when gathering.
    let cornerWeights: Block<Float>
    /// The start of each vertex's range in `members`, followed by the end of the last.
    let firstMember: Block<Int32>
    /// The points that spread to each vertex, in ascending order.
    let members: Block<Int32>
    /// The weights of the members when spreading.
    let memberWeights: Block<Float>
    /// For each axis and vertex the vertices a step ahead and a step back, or `vertices`.
    let neighbours: Block<SIMD2<Int32>>

    /// Vertices blurred, and points gathered, per task.
    package static let block = 8192

    /// Builds the lattice of the points.
    ///
    /// - Parameter features: `[dimensions, points]`, in standard deviations of the filter.
    /// - Precondition: there is at least one point and one dimension, features are finite, and
    ///   `points * (dimensions + 1)` fits 31 bits.
    /// - Complexity: O(points * dimensions² + vertices * dimensions); memory per point:
    ///   28 (dimensions + 1) bytes while the lattice is built, 24 (dimensions + 1) after.
    package init(features: Tensor) {
        require(
            features.shape.rank == 2 && features.count > 0,
            "PermutohedralLattice: features \(features.shape)")
        let embedding = PermutohedralEmbedding(features)
        let dimensions = embedding.dimensions
        let count = embedding.points * (dimensions + 1)
        require(count <= Int32.max, "PermutohedralLattice: features \(features.shape)")
        self.dimensions = dimensions
        points = embedding.points
        let sorted = SortedKeys(embedding.keys, count: count, bits: embedding.packing.bits)

        corners = Block(count: count)
        cornerWeights = Block(count: count)
        members = Block(count: count)
        memberWeights = Block(count: count)
        let distinct = Block<Int64>(count: count)
        let first = Block<Int32>(count: count + 1)
        var vertices = 0
        let perPoint = UInt32(dimensions + 1)
        for index in 0..<count {
            let key = sorted.keys[index]
            let entry = sorted.entries[index]
            if vertices == 0 || distinct[vertices - 1] != key {
                distinct[vertices] = key
                first[vertices] = Int32(index)
                vertices += 1
            }
            corners[Int(entry)] = Int32(vertices - 1)
            members[index] = Int32(entry / perPoint)
            let weight = embedding.weights[Int(entry)]
            memberWeights[index] = weight
            cornerWeights[Int(entry)] = weight
        }
        first[vertices] = Int32(count)
        firstMember = first
        self.vertices = vertices
        neighbours = Self.neighbours(distinct, vertices: vertices, embedding.packing)
    }

    /// Divides the filter's inputs and outputs by the square roots of its sums, so that it is symmetric and
    /// nearly preserves constants (Krähenbühl and Koltun's `NORMALIZE_SYMMETRIC`), and multiplies its
    /// outputs by `weight`.
    package func normalize(weight: Float) {
        // The epsilon is that of their program.
        let factors = sums().map { 1 / ($0 + 1e-20).squareRoot() }
        for (point, factor) in factors.enumerated() {
            for corner in point * (dimensions + 1)..<(point + 1) * (dimensions + 1) {
                cornerWeights[corner] *= weight * factor
            }
        }
        for index in 0..<points * (dimensions + 1) {
            memberWeights[index] *= factors[Int(members[index])]
        }
    }

    /// Both neighbours along each axis. Keys are ascending, and so are keys plus a step.
    private static func neighbours(
        _ keys: Block<Int64>, vertices: Int, _ packing: LatticePacking
    ) -> Block<SIMD2<Int32>> {
        let axes = packing.units.count
        let neighbours = Block<SIMD2<Int32>>(
            repeating: SIMD2(repeating: Int32(vertices)), count: axes * vertices)
        withUnsafePointers(reading: keys, neighbours) { keys, neighbours in
            Parallelism.perform(count: axes) { axis in
                let step = packing.units[axis]
                let row = neighbours + axis * vertices
                // If one vertex is a step ahead of another, the other is a step back from it.
                let (distance, ahead, back) = step > 0 ? (step, 0, 1) : (-step, 1, 0)
                var other = 0
                for vertex in 0..<vertices {
                    let wanted = keys[vertex] &+ distance
                    while other < vertices && keys[other] < wanted { other += 1 }
                    guard other < vertices else { break }
                    if keys[other] == wanted {
                        row[vertex][ahead] = Int32(other)
                        row[other][back] = Int32(vertex)
                    }
                }
            }
        }
        return neighbours
    }
}
