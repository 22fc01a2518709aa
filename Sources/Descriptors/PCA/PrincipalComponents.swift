import Platform
import Tensors
import ViT

/// Why points have no principal components; the `description` is one sentence.
public enum PrincipalComponentsError: Error, Hashable, Sendable {
    /// A coordinate is infinite or not a number.
    case notFinite
}

extension PrincipalComponentsError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notFinite: "the descriptors hold infinities or what is not a number"
        }
    }
}

/// The directions in which points vary most (Pearson 1901; Hotelling 1933): the eigenvectors of their
/// covariance with the largest eigenvalues.
///
/// An eigenvector has no sign of its own. Here the coordinate of the largest magnitude, the first of
/// equals, is positive: scikit-learn's rule since its version 1.5.
public struct PrincipalComponents: Sendable, Equatable {
    /// Of the points that it was fitted on, `[channels]`.
    public let mean: Tensor
    /// Directions of length 1, at right angles to each other, that of the largest variance first:
    /// `[components, channels]`.
    public let directions: Tensor
    /// The variance along each direction, largest first; n points have n - 1 degrees of freedom.
    public let variances: [Float]
    /// The sum of the variances along all directions there are.
    public let totalVariance: Float

    /// As many as the channels of the widest network.
    package static let counts = Bound(
        "number of components", VisionTransformer.Configuration.Bounds.width.range)

    public var count: Int { variances.count }
    public var channels: Int { mean.count }

    /// The share of the variance that lies along these directions, 0…1; 0 where nothing varies, as among
    /// points that are all the same, or a single one.
    public var explainedVarianceRatio: Float {
        totalVariance > 0 ? min(1, variances.reduce(0, +) / totalVariance) : 0
    }

    /// Finds the components of points, those of all sets together.
    ///
    /// - Parameters:
    ///   - sets: matrices `[points, channels]`, such as `DescriptorGrid.matrix` of several images.
    ///   - count: how many components; 4 is the default of dino-vit-features, pca.py.
    /// - Throws: where a coordinate is infinite or not a number.
    /// - Precondition: all sets are matrices of as many channels, at least `count` of them; there is
    ///   at least one point.
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
                // Equal magnitudes differ in the last digits of a double.
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

    /// The points' coordinates along the components, from the mean: `[…, components]` of
    /// `[…, channels]`.
    ///
    /// - Precondition: the points have as many channels.
    /// - Complexity: O(points * channels * components).
    public func projected(_ points: Tensor) -> Tensor {
        require(
            points.shape.rank >= 1 && points.shape[-1] == channels,
            "projected: points \(points.shape) on components \(directions.shape)")
        let rows = points.count / channels
        let shape = Shape(points.shape.dimensions.dropLast() + [count])
        return Tensor(shape: shape) { target in
            guard let target = target.baseAddress else { return }
            withExtendedLifetime((points, mean, directions)) {
                let rowsPerTask = 256
                Parallelism.perform(count: (rows + rowsPerTask - 1) / rowsPerTask) { task in
                    for row in task * rowsPerTask..<min(rows, (task + 1) * rowsPerTask) {
                        let point = points.base + row * channels
                        for component in 0..<count {
                            let direction = directions.base + component * channels
                            var sum = 0.0
                            for channel in 0..<channels {
                                sum +=
                                    (Double(point[channel]) - Double(mean.base[channel]))
                                    * Double(direction[channel])
                            }
                            target[row * count + component] = Float(sum)
                        }
                    }
                }
            }
        }
    }

    /// The same directions, turned round.
    func reversed() -> PrincipalComponents {
        PrincipalComponents(
            mean: mean,
            directions: Tensor(directions.elements.map { -$0 }, shape: directions.shape),
            variances: variances,
            totalVariance: totalVariance)
    }
}
