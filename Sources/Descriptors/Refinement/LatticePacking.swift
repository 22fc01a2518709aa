import Platform
import Tensors

/// How a lattice's vertices are packed into integers, so that steps in the lattice are additions and
/// the order of the integers preserves locality.
///
/// With c the coordinates of a vertex, `c0 + … + ck - (k + 1) c(k+1)` depends only on feature k, as it
/// corresponds to a row of the matrix that maps features into the plane. It is also a multiple of
/// `dimensions + 1`, as all coordinates of a vertex have the same remainder. The quotients are the
/// fields of the integer. The second feature, which for pixels is the row, is the most significant, so
/// that neighbours in the picture are near each other in the order.
struct LatticePacking {
    /// Factors of the features before they are mapped into the plane: with them the filter of one blur
    /// along each axis has the standard deviation 1 in features (Adams et al., section 3.1).
    let scales: [Float]
    /// The change of the integer when one coordinate grows by `dimensions + 1`. As these add up to 0, it is
    /// also the change for a step along that axis, where the coordinate grows by `dimensions` and all
    /// others fall by one.
    let units: [Int64]
    /// The integer of the vertex at the origin.
    let bias: Int64
    /// The number of significant bits.
    let bits: Int

    /// - Precondition: the fields fit 63 bits.
    init(_ features: Tensor) {
        let dimensions = features.shape[0]
        let points = features.shape[1]
        let deviation = (2.0 / 3).squareRoot() * Double(dimensions + 1)
        let scales = (1...dimensions).map { deviation / Double($0 * ($0 + 1)).squareRoot() }
        self.scales = scales.map(Float.init)
        var units = [Int64](repeating: 0, count: dimensions + 1)
        var bias: Int64 = 0
        var bits = 0
        // The most significant first; fields are allocated in reverse.
        let order = [1, 0].filter { $0 < dimensions } + (0..<dimensions).dropFirst(2)
        for axis in order.reversed() {
            let (low, high) = features.withUnsafeElements {
                Self.extremes($0[axis * points..<(axis + 1) * points])
            }
            // The coordinates of a point's corners and of their neighbours are within three steps of
            // the point's, and the field is a sum of 2 (axis + 1) of them.
            let margin = 6 * Double(axis + 1)
            let factor = scales[axis] * Double((axis + 1) * (axis + 2)) / Double(dimensions + 1)
            let least = (low * factor - margin).rounded(.down)
            let range = (high * factor + margin).rounded(.up) - least + 1
            let width = Int(range.exponent) + 1
            require(
                bits + width < 64,
                "PermutohedralLattice: features of \(dimensions) dimensions from \(low) to \(high) "
                    + "deviations have too many vertices")
            for coordinate in 0...axis { units[coordinate] += 1 << bits }
            units[axis + 1] -= Int64(axis + 1) << bits
            bias -= Int64(least) << bits
            bits += width
        }
        self.units = units
        self.bits = bits
        self.bias = bias
    }

    private static func extremes(_ values: Slice<UnsafeBufferPointer<Float>>) -> (Double, Double) {
        var low = Float.infinity
        var high = -Float.infinity
        for value in values {
            low = min(low, value)
            high = max(high, value)
        }
        require(low > -1e6 && high < 1e6, "PermutohedralLattice: features \(low)…\(high)")
        return (Double(low), Double(high))
    }
}
