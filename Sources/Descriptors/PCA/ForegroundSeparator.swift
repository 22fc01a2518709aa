import Platform
import Tensors

/// Separates foreground from background by the first principal component of descriptors, as in the
/// pictures of Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision" (2023),
/// figure 1.
///
/// The paper chooses the threshold and the side by eye. Here the threshold is Otsu's ("A Threshold
/// Selection Method from Gray-Level Histograms", 1979), computed on the values instead of a histogram, and
/// the foreground is the side that the class token attends to more.
public struct ForegroundSeparator: Sendable, Equatable {
    /// The first component of all points, its sign chosen so that the foreground is above the threshold.
    public let component: PrincipalComponents
    /// Points whose coordinate along the component is greater are foreground.
    public let threshold: Float

    /// Fits a separator to the points of all sets together.
    ///
    /// - Parameters:
    ///   - sets: matrices `[points, channels]`.
    ///   - saliency: for each set one value per point; see `SaliencyMap`.
    /// - Throws: `PrincipalComponentsError.notFinite` if a coordinate is infinite or NaN.
    /// - Precondition: as `PrincipalComponents.init(of:count:)`, and there is one saliency per point.
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
        // If all values are equal, none is above the threshold.
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

    /// Whether each point is foreground.
    ///
    /// - Parameter points: `[…, channels]`.
    /// - Precondition: the points have the component's channels.
    public func isForeground(_ points: Tensor) -> [Bool] {
        component.projected(points).withUnsafeElements { $0.map { $0 > threshold } }
    }
}

/// Otsu's threshold: it maximises the variance between the values above it and the others, and lies
/// between two values. If all values are equal, it is that value.
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
            // The middle of two adjacent floats may round to the upper one.
            threshold = middle < sorted[index + 1] ? middle : sorted[index]
        }
    }
    return threshold
}
