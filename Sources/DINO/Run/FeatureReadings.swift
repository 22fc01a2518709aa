import Foundation
import Platform
import Tensors

/// Measures of how much the features of different pictures differ, which drop first when a network collapses.
public struct FeatureReadings: Sendable, Hashable, Codable {
    /// The standard deviation of normalised features, averaged over channels, times the square root of the width: 1
    /// for features that point in all directions, 0 for identical features (Chen and He, "Exploring simple siamese
    /// representation learning", 2021, figure 2).
    public var deviation: Double
    /// The effective rank, from 1 to the smaller of pictures and width: the number of directions that the features
    /// span (Roy and Vetterli, "The effective rank", 2007; Garrido et al., "RankMe", 2023, without subtracting the
    /// mean).
    public var rank: Double

    /// The most pictures used: computing the rank costs the cube of their number.
    static let mostPictures = 128

    /// Measures features, using at most the first 128 pictures.
    ///
    /// Both measures are NaN if a feature is not finite.
    ///
    /// - Parameter features: `[pictures, width]`, one view of each picture.
    /// - Precondition: that shape, with at least one picture.
    /// - Complexity: O(n² width) for n pictures.
    public init(of features: Tensor) {
        require(
            features.shape.rank == 2 && features.count > 0,
            "FeatureReadings: features \(features.shape), not [pictures, width]")
        let count = min(features.shape[0], FeatureReadings.mostPictures)
        let seen = features.rows(0..<count)
        rank = seen.effectiveRank
        deviation = seen.deviationOfDirections
    }
}

extension FeatureReadings {
    /// Measures the features of a step as if those of all shares were in one tensor, view by view; as above, only its
    /// first rows are used.
    ///
    /// - Parameters:
    ///   - shares: for each of this rank's shares its features, `[views * pictures, width]`.
    ///   - pictures: the number of pictures of the step.
    ///   - communicator: the ranks that hold the shares.
    init(ofShares shares: [Tensor], pictures: Int, across communicator: any Communicator) {
        let width = shares[0].shape[1]
        let own = pictures / communicator.count
        let perShare = own / shares.count
        let views = shares[0].shape[0] / perShare
        let count = min(views * pictures, FeatureReadings.mostPictures)
        // The rows that a rank holds, each as its share and its row there.
        func places(of rank: Int) -> [(share: Int, row: Int)] {
            (0..<count).filter { $0 % pictures / own == rank }.map {
                let (view, picture) = ($0 / pictures, $0 % pictures % own)
                return (picture / perShare, view * perShare + picture % perShare)
            }
        }
        var rows = communicator.gather(
            places(of: communicator.rank).flatMap { shares[$0].rows($1..<$1 + 1).elements }
        ).map { $0[...] }
        var elements: [Float] = []
        for row in 0..<count {
            let rank = row % pictures / own
            elements += rows[rank].prefix(width)
            rows[rank] = rows[rank].dropFirst(width)
        }
        self.init(of: Tensor(elements, shape: [count, width]))
    }

    /// The standard deviation of a picture's pixels, averaged over channels and the first eight pictures: 0 if all
    /// are blank.
    ///
    /// - Parameter crops: `[pictures, 3, height, width]`, normalised; a contrast near 1 is usual.
    public static func contrast(of crops: Tensor) -> Double { contrast(of: crops, across: Alone()) }

    /// The contrast of the first eight pictures of a step, whose pictures are divided equally among the ranks.
    static func contrast(of crops: Tensor, across communicator: any Communicator) -> Double {
        let first = communicator.rank * crops.shape[0]
        let own = min(max(0, 8 - first), crops.shape[0])
        let deviations = communicator.gather(crops.deviationsOfPlanes(own * crops.shape[1]))
            .flatMap(\.self)
        return deviations.isEmpty
            ? 0 : deviations.reduce(0, +) / Double(deviations.count)
    }
}

extension Tensor {
    /// The standard deviation of the pixels of each of the first planes of `[pictures, channels, height, width]`.
    fileprivate func deviationsOfPlanes(_ planes: Int) -> [Double] {
        let size = shape[2] * shape[3]
        guard size > 0 else { return [] }
        return withUnsafeElements { elements in
            (0..<planes).map { plane in
                let pixels = elements[plane * size..<(plane + 1) * size]
                // Relative to the first pixel, so that equal pixels give exactly 0.
                let first = Double(pixels[plane * size])
                var (sum, squares) = (0.0, 0.0)
                for pixel in pixels {
                    let difference = Double(pixel) - first
                    sum += difference
                    squares += difference * difference
                }
                let mean = sum / Double(size)
                return max(squares / Double(size) - mean * mean, 0).squareRoot()
            }
        }
    }
}

extension Tensor {
    /// The exponential of the entropy of the singular values' shares; 1 for a matrix of zeros.
    var effectiveRank: Double {
        guard let values = singularValues() else { return .nan }
        let sum = values.reduce(0, +)
        guard sum > 0 else { return 1 }
        return exp(
            values.reduce(0) { entropy, value in
                let share = value / sum
                return share > 0 ? entropy - share * log(share) : entropy
            })
    }

    fileprivate var deviationOfDirections: Double {
        let (rows, width) = (shape[0], shape[1])
        guard rows > 1 else { return 0 }
        return withUnsafeElements { elements in
            var sums = [Double](repeating: 0, count: width)
            var directions = [Double](repeating: 0, count: rows * width)
            for row in 0..<rows {
                let feature = elements[row * width..<(row + 1) * width]
                let norm = feature.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
                for (channel, value) in feature.enumerated() where norm != 0 {
                    directions[row * width + channel] = Double(value) / norm
                    sums[channel] += Double(value) / norm
                }
            }
            var total = 0.0
            for channel in 0..<width {
                let mean = sums[channel] / Double(rows)
                var squares = 0.0
                for row in 0..<rows {
                    let difference = directions[row * width + channel] - mean
                    squares += difference * difference
                }
                total += (squares / Double(rows - 1)).squareRoot()
            }
            return total / Double(width) * Double(width).squareRoot()
        }
    }
}
