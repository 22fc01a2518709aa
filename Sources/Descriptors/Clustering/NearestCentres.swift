import Platform
import Tensors

/// The squared distances of points from centres, `[points, centres]`, by a matrix product:
/// `|x - c|² = |x|² + |c|² - 2 x · c`, clamped to at least 0.
///
/// - Parameters:
///   - points: `[points, channels]`.
///   - centres: `[centres, channels]`.
/// - Complexity: O(points * centres * channels).
func squaredDistances(of points: Tensor, from centres: Tensor) -> Tensor {
    require(
        points.shape.rank == 2 && centres.shape.rank == 2 && points.shape[1] == centres.shape[1],
        "squaredDistances: points \(points.shape), centres \(centres.shape)")
    let count = centres.shape[0]
    let pointNorms = squaredNorms(points)
    let centreNorms = squaredNorms(centres)
    var products = points.product(transposed: centres)
    products.withUnsafeMutableElements { elements in
        for (point, norm) in pointNorms.enumerated() {
            for centre in 0..<count {
                let index = point * count + centre
                elements[index] = max(0, norm + centreNorms[centre] - 2 * elements[index])
            }
        }
    }
    return products
}

/// The nearest centre of each point.
struct NearestCentres {
    /// Each point's nearest centre, the first on a tie.
    private(set) var labels: [Int] = []
    private(set) var squaredDistances: [Float] = []

    /// Points whose distances from all centres are in memory at a time.
    private static let block = 4096

    /// Finds the nearest centres.
    ///
    /// - Parameters:
    ///   - points: `[points, channels]`.
    ///   - centres: `[centres, channels]`, at least one.
    /// - Complexity: O(points * centres * channels) time; memory for the distances of 4096 points.
    init(of points: Tensor, among centres: Tensor) {
        let clusters = centres.shape[0]
        require(clusters > 0, "NearestCentres: there is no centre")
        let count = points.shape[0]
        labels.reserveCapacity(count)
        squaredDistances.reserveCapacity(count)
        for start in stride(from: 0, to: count, by: Self.block) {
            let rows = points.rows(start..<min(start + Self.block, count))
            Descriptors.squaredDistances(of: rows, from: centres).withUnsafeElements { distances in
                for point in 0..<rows.shape[0] {
                    var label = 0
                    var least = distances[point * clusters]
                    for centre in 1..<clusters where distances[point * clusters + centre] < least {
                        label = centre
                        least = distances[point * clusters + centre]
                    }
                    labels.append(label)
                    squaredDistances.append(least)
                }
            }
        }
    }
}
