import Platform
import Tensors
import ViT

/// Why points have no principal components; the `description` is one sentence.
public enum PrincipalComponentsError: Error, Hashable, Sendable {
    /// A coordinate is infinite or NaN.
    case notFinite
}

extension PrincipalComponentsError: CustomStringConvertible {
    /// The reason, as one sentence.
    public var description: String {
        switch self {
        case .notFinite: "the descriptors contain values that are infinite or not a number"
        }
    }
}

/// The directions in which points vary most (Pearson 1901; Hotelling 1933): the eigenvectors of their
/// covariance with the largest eigenvalues.
///
/// The sign of an eigenvector is arbitrary. Here the coordinate of the largest magnitude, the first on a
/// tie, is positive, as in scikit-learn since version 1.5.
public struct PrincipalComponents: Sendable, Equatable {
    /// The mean of the fitted points, `[channels]`.
    public let mean: Tensor
    /// Orthonormal directions `[components, channels]`, that of the largest variance first.
    public let directions: Tensor
    /// The variance along each direction, largest first; the divisor is n - 1 for n points.
    public let variances: [Float]
    /// The sum of the variances along all directions, also those that are not kept.
    public let totalVariance: Float

    /// The upper limit is the width of the widest network.
    package static let counts = Bound(
        "number of components", VisionTransformer.Configuration.Bounds.width.range)

    /// The number of components.
    public var count: Int { variances.count }
    /// The number of channels of a point.
    public var channels: Int { mean.count }

    /// The share of the total variance that lies along these directions, 0…1; 0 if all points are equal.
    public var explainedVarianceRatio: Float {
        totalVariance > 0 ? min(1, variances.reduce(0, +) / totalVariance) : 0
    }

    /// Finds the components of the points of all sets together.
    ///
    /// - Parameters:
    ///   - sets: matrices `[points, channels]`, such as `DescriptorGrid.matrix` of several images.
    ///   - count: the number of components; 4 is the default of dino-vit-features, pca.py.
    /// - Throws: `PrincipalComponentsError.notFinite` if a coordinate is infinite or NaN.
    /// - Precondition: all sets are matrices with the same number of channels, at least `count`; there
    ///   is at least one point.
    /// - Complexity: O(points * channels² + channels³) time; memory for two matrices of
    ///   `channels * channels` doubles.
    public init(of sets: [Tensor], count: Int = 4) throws(PrincipalComponentsError) {
        let channels = sets.first?.shape[-1] ?? 0
        require(
            sets.allSatisfy { $0.shape.rank == 2 && $0.shape[1] == channels }
                && sets.contains { $0.shape[0] > 0 } && (1...max(1, channels)).contains(count),
            "PrincipalComponents: \(count) of points \(sets.map(\.shape))")
        var covariance = Covariance(of: sets)
        let total = (0..<channels).reduce(0) { $0 + covariance.lower[$1 * (channels + 1)] }
        guard
            let (values, vectors) = largestEigenvectors(
                of: &covariance.lower, order: channels, count: count)
        else { throw .notFinite }
        mean = Tensor(covariance.mean.map(Float.init), shape: [channels])
        directions = Tensor(
            (0..<count).flatMap { component in
                let vector = vectors[component * channels..<(component + 1) * channels]
                let largest = vector.map(abs).max() ?? 0
                // Equal magnitudes may differ in the last digits after rounding.
                let isNegative = vector.first { abs($0) > largest * (1 - 1e-12) }.map { $0 < 0 }
                return vector.map { Float(isNegative == true ? -$0 : $0) }
            }, shape: [count, channels])
        variances = values.map { Float(max($0, 0)) }
        totalVariance = Float(total)
    }

    init(mean: Tensor, directions: Tensor, variances: [Float], totalVariance: Float) {
        self.mean = mean
        self.directions = directions
        self.variances = variances
        self.totalVariance = totalVariance
    }

    /// The points' coordinates along the components, relative to the mean.
    ///
    /// - Parameter points: `[…, channels]`.
    /// - Returns: `[…, components]`.
    /// - Precondition: the points have the fitted points' channels.
    /// - Complexity: O(points * channels * components).
    public func projected(_ points: Tensor) -> Tensor {
        require(
            points.shape.rank >= 1 && points.shape[-1] == channels,
            "projected: points \(points.shape) on components \(directions.shape)")
        let rows = points.count / channels
        let shape = Shape(points.shape.dimensions.dropLast() + [count])
        return Tensor(shape: shape) { target in
            guard let target = target.baseAddress else { return }
            withUnsafePointers(reading: points, mean, directions) { points, mean, directions in
                let rowsPerTask = 256
                Parallelism.perform(count: (rows + rowsPerTask - 1) / rowsPerTask) { task in
                    for row in task * rowsPerTask..<min(rows, (task + 1) * rowsPerTask) {
                        let point = points + row * channels
                        for component in 0..<count {
                            let direction = directions + component * channels
                            var sum = 0.0
                            for channel in 0..<channels {
                                sum +=
                                    (Double(point[channel]) - Double(mean[channel]))
                                    * Double(direction[channel])
                            }
                            target[row * count + component] = Float(sum)
                        }
                    }
                }
            }
        }
    }

    /// The same components with reversed directions.
    func reversed() -> PrincipalComponents {
        PrincipalComponents(
            mean: mean,
            directions: Tensor(directions.elements.map { -$0 }, shape: directions.shape),
            variances: variances,
            totalVariance: totalVariance)
    }
}
