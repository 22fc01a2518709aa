import Platform
import Tensors

/// Tells foreground from background by the first principal component of descriptors, as in the
/// pictures of Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision" (2023),
/// figure 1.
///
/// There the threshold and the side are chosen by eye. Here the threshold is Otsu's ("A Threshold
/// Selection Method from Gray-Level Histograms", 1979), on the values themselves, and the foreground is
/// the side that the class token attends to more.
public struct ForegroundSeparator: Sendable, Equatable {
    /// The first component of all points, turned so that the foreground is above the threshold.
    public let component: PrincipalComponents
    /// Along the component.
    public let threshold: Float

    /// - Parameters:
    ///   - sets: matrices `[points, channels]`, taken as one.
    ///   - saliency: a value for each point of each set; see `SaliencyMap`.
    /// - Throws: where a coordinate is infinite or not a number.
    /// - Precondition: as `PrincipalComponents.init(of:count:)`, and there is a saliency for each point.
    public init(of sets: [Tensor], saliency: [Tensor]) throws(PrincipalComponentsError) {
        require(
            sets.map { $0.shape[0] } == saliency.map(\.count),
            "ForegroundSeparator: saliency \(saliency.map(\.shape)) of points \(sets.map(\.shape))")
        let component = try PrincipalComponents(of: sets, count: 1)
        let values = sets.flatMap { component.projected($0).elements }
        let threshold = otsuThreshold(values)
        var sums = (above: 0.0, below: 0.0)
        var counts = (above: 0, below: 0)
        for (value, saliency) in zip(values, saliency.flatMap(\.elements)) {
            if value > threshold {
                sums.above += Double(saliency)
                counts.above += 1
            } else {
                sums.below += Double(saliency)
                counts.below += 1
            }
        }
        // Nothing is above where all values are the same.
        let isTurned =
            counts.above > 0
            && sums.above * Double(counts.below) < sums.below * Double(counts.above)
        self.init(
            component: isTurned ? component.reversed() : component,
            threshold: isTurned ? -threshold : threshold)
    }

    init(component: PrincipalComponents, threshold: Float) {
        self.component = component
        self.threshold = threshold
    }

    /// Whether each point, `[…, channels]`, is foreground.
    public func isForeground(_ points: Tensor) -> [Bool] {
        component.projected(points).withUnsafeElements { $0.map { $0 > threshold } }
    }
}

/// Where the variance between the values above and those not above is greatest; between two values.
/// The greatest value where all are the same.
///
/// - Complexity: O(n log n).
package func otsuThreshold(_ values: [Float]) -> Float {
    let sorted = values.sorted()
    let mean = sorted.reduce(0) { $0 + Double($1) } / Double(sorted.count)
    var threshold = sorted.last ?? 0
    var greatest = 0.0
    var sum = 0.0
    for index in sorted.indices.dropLast() {
        sum += Double(sorted[index]) - mean
        guard sorted[index] < sorted[index + 1] else { continue }
        let below = Double(index + 1)
        let between = sum * sum / (below * (Double(sorted.count) - below))
        if between > greatest {
            greatest = between
            let middle = sorted[index] + (sorted[index + 1] - sorted[index]) / 2
            // Of neighbouring floats the middle may be the upper.
            threshold = middle < sorted[index + 1] ? middle : sorted[index]
        }
    }
    return threshold
}
