import Tensors

/// The positions of points in the permutohedral lattice of Adams, Baek and Davis, "Fast High-Dimensional
/// Filtering Using the Permutohedral Lattice" (2010), sections 3.1 and 3.2.
///
/// The lattice lies in the plane of `dimensions + 1` coordinates whose sum is zero. A point is mapped
/// into it and rounded to the nearest vertex of remainder 0; the order of its coordinates' differences
/// from that vertex determines its simplex, and its weights at the simplex's corners are barycentric.
struct PermutohedralEmbedding {
    let dimensions: Int
    let points: Int
    let packing: LatticePacking
    /// The packed vertex at each point's corners, `[points, dimensions + 1]`.
    let keys: Block<Int64>
    /// The barycentric weights there, likewise.
    let weights: Block<Float>

    private let units: Block<Int64>

    /// Points per task; a multiple of the lanes.
    private static let block = 4096

    /// - Parameter features: `[dimensions, points]`, in standard deviations of the filter.
    init(_ features: Tensor) {
        dimensions = features.shape[0]
        points = features.shape[1]
        packing = LatticePacking(features)
        let corners = dimensions + 1
        keys = Block(count: points * corners)
        weights = Block(count: points * corners)
        units = Block(count: corners)
        for (axis, unit) in packing.units.enumerated() { units[axis] = unit }
        let blocks = (points + Self.block - 1) / Self.block
        withUnsafePointers(reading: features) { features in
            Parallelism.perform(count: blocks) { index in
                let start = index * Self.block
                embed(features, start..<min(start + Self.block, points))
            }
        }
    }

    private func embed(_ features: UnsafePointer<Float>, _ range: Range<Int>) {
        let corners = dimensions + 1
        // Eight lanes per coordinate: points in the plane, nearest vertices, ranks.
        let lanes = Block<Lanes>(count: 2 * corners)
        let ranks = Block<SIMD8<Int32>>(count: corners)
        let ordered = Block<(unit: Int64, share: Float)>(count: corners)
        withUnsafePointers(reading: lanes, ranks, ordered) { elevated, ranks, ordered in
            let nearest = elevated + corners
            for point in stride(from: range.lowerBound, to: range.upperBound, by: 8) {
                let count = min(8, range.upperBound - point)
                elevate(features + point, count: count, into: elevated)
                locate(elevated, nearest: nearest, rank: ranks)
                for lane in 0..<count {
                    writeCorners(
                        of: point + lane, scalars(elevated) + lane,
                        nearest: scalars(nearest) + lane,
                        rank: scalars(ranks) + lane, ordered: ordered)
                }
            }
        }
    }

    /// Maps eight points into the plane: coordinate j is the sum of the scaled features from j on minus j
    /// times the scaled feature before.
    @inline(__always)
    private func elevate(
        _ features: UnsafePointer<Float>, count: Int, into elevated: UnsafeMutablePointer<Lanes>
    ) {
        var sum = Lanes()
        for axis in stride(from: dimensions, to: 0, by: -1) {
            let feature = features + (axis - 1) * points
            var value = Lanes()
            if count == 8 {
                value = load(feature)
            } else {
                for lane in 0..<count { value[lane] = feature[lane] }
            }
            value *= packing.scales[axis - 1]
            elevated[axis] = sum - Float(axis) * value
            sum += value
        }
        elevated[0] = sum
    }

    /// Finds the nearest vertex of remainder 0 and each coordinate's rank by its difference from that
    /// vertex, the greatest first. The vertex and the points are left in units of `dimensions + 1`.
    @inline(__always)
    private func locate(
        _ elevated: UnsafeMutablePointer<Lanes>, nearest: UnsafeMutablePointer<Lanes>,
        rank: UnsafeMutablePointer<SIMD8<Int32>>
    ) {
        let scale = 1 / Float(dimensions + 1)
        let shift: Float = 0x1.8p23  // adding it rounds to a whole number
        var sum = Lanes()
        for axis in 0...dimensions {
            elevated[axis] *= scale
            nearest[axis] = (elevated[axis] + shift) - shift
            sum += nearest[axis]
            rank[axis] = SIMD8()
        }
        for axis in 0..<dimensions {
            let difference = elevated[axis] - nearest[axis]
            for other in axis + 1...dimensions {
                let less = difference .< elevated[other] - nearest[other]
                let minusOne = unsafeBitCast(less, to: SIMD8<Int32>.self)
                rank[axis] &-= minusOne
                rank[other] &+= minusOne &+ 1
            }
        }
        // Rounded coordinates may not add up to zero: the excess is subtracted from those rounded
        // farthest. The shift leaves it as an integer in the low bits.
        let excess = unsafeBitCast(sum + shift, to: SIMD8<Int32>.self) &- 0x4B40_0000
        let whole = Int32(dimensions + 1)
        for axis in 0...dimensions {
            let place = rank[axis] &+ excess
            let turns =
                unsafeBitCast(place .>= whole, to: SIMD8<Int32>.self)
                &- unsafeBitCast(place .< 0, to: SIMD8<Int32>.self)
            rank[axis] = place &+ turns &* whole
            nearest[axis] += Lanes(turns)
        }
    }

    /// Writes the keys and weights of a point's corners, by remainder. `elevated`, `nearest` and `rank`
    /// point at the point's lane in the results of `locate`, with eight lanes per coordinate.
    @inline(__always)
    private func writeCorners(
        of point: Int, _ elevated: UnsafePointer<Float>, nearest: UnsafePointer<Float>,
        rank: UnsafePointer<Int32>, ordered: UnsafeMutablePointer<(unit: Int64, share: Float)>
    ) {
        let last = dimensions
        var key = packing.bias
        for axis in 0...last {
            let near = nearest[8 * axis]
            let unit = units[axis]
            ordered[Int(rank[8 * axis])] = (unit, elevated[8 * axis] - near)
            key &+= Int64(near) &* unit
        }
        let first = point * (last + 1)
        keys[first] = key
        weights[first] = 1 + ordered[last].share - ordered[0].share
        for remainder in stride(from: 1, through: last, by: 1) {
            // All coordinates grow by one, which leaves the key unchanged; the next in order falls by
            // `dimensions + 1`.
            let place = last - remainder
            key &-= ordered[place + 1].unit
            keys[first + remainder] = key
            weights[first + remainder] = ordered[place].share - ordered[place + 1].share
        }
    }
}

/// The vectors' lanes as scalars.
private func scalars<Vector: SIMD>(
    _ vectors: UnsafePointer<Vector>
) -> UnsafePointer<Vector.Scalar> {
    UnsafeRawPointer(vectors).assumingMemoryBound(to: Vector.Scalar.self)
}
