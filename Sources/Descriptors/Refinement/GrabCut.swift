import Foundation
import Images
import Platform
import Tensors

/// Separates foreground from background along the edges of a picture, by their colours: Rother,
/// Kolmogorov and Blake, "GrabCut: Interactive Foreground Extraction using Iterated Graph Cuts"
/// (2004).
///
/// Foreground and background are each a mixture of Gaussians over colours. Each iteration assigns every
/// pixel to a component, fits the Gaussians, and finds the foreground by a minimum cut: a pixel costs its
/// negative log-likelihood, and neighbours m and n with different labels cost
/// `smoothness / |m - n| * exp(-beta |colour difference|²)`, where beta makes the exponent -1/2 at
/// the mean squared difference.
///
/// Steps and constants are those of OpenCV's `grabCut`.
public struct GrabCut: Sendable, Codable, Hashable {
    /// The number of fits and cuts; 5 as in dino-vit-features, cosegmentation.py.
    public var iterations = 5
    /// The number of Gaussians per mixture; 5 as in the paper.
    public var components = 5
    /// The cost of neighbours with different labels and equal colours; 50 as in the paper.
    public var smoothness = 50.0

    /// Options with their defaults.
    public init() {}

    /// The state of a pixel, with OpenCV's numbers.
    public enum Label: UInt8, Sendable, Codable {
        /// Certainly background.
        case background = 0
        /// Certainly foreground.
        case foreground
        /// Background that the cut may change.
        case probableBackground
        /// Foreground that the cut may change.
        case probableForeground

        /// Whether the pixel is certainly or probably foreground.
        public var isForeground: Bool { self == .foreground || self == .probableForeground }
        /// Whether the cut may change the label.
        public var isProbable: Bool { rawValue >= 2 }
    }

    /// Recomputes the probable labels; certain labels stay.
    ///
    /// If no pixel is foreground, or none is background, there is nothing to fit, and the labels stay
    /// unchanged; an iteration that leaves only one of them is the last. In a picture of one colour both
    /// are equally likely everywhere; probable pixels become background unless certain foreground holds
    /// them.
    ///
    /// The result depends only on the arguments and the generator, not on the number of threads.
    ///
    /// - Parameters:
    ///   - image: the picture.
    ///   - labels: one label per pixel, row by row.
    ///   - generator: draws the seeds of the mixtures' first components.
    /// - Precondition: there is one label per pixel, and the options are within their bounds.
    /// - Complexity: O(pixels * components * iterations) plus the minimum cuts, which take about linear
    ///   time on pictures; about 120 bytes of memory per pixel.
    public func labels(
        of image: Image, from labels: [Label], using generator: inout some RandomNumberGenerator
    ) -> [Label] {
        require(
            labels.count == image.width * image.height,
            "GrabCut: \(labels.count) labels for \(image.width)x\(image.height) pixels")
        require(fault == nil, "GrabCut: \(fault ?? "")")
        let colours = PictureColours(image)
        guard
            let first = colours.clusters(of: labels, count: components, using: &generator)
        else { return labels }
        var labels = labels
        var mixtures = colours.mixtures(labels, components: first, count: components)
        var grid = GridCut(image, smoothness: smoothness)
        for _ in 0..<iterations {
            guard labels.contains(where: \.isForeground), !labels.allSatisfy(\.isForeground) else {
                break
            }
            let assigned = colours.evaluated(mixtures).components(of: labels)
            mixtures = colours.mixtures(labels, components: assigned, count: components)
            cut(&grid, image, &labels, colours.evaluated(mixtures).ratios)
        }
        return labels
    }

    private func cut(
        _ grid: inout GridCut, _ image: Image, _ labels: inout [Label], _ ratios: [Float]
    ) {
        // An upper bound of the sum of a pixel's arcs to its neighbours: a terminal of this capacity is
        // never cut. Without arcs, any capacity will do.
        let certain = Float(max(9 * smoothness, 1))
        for row in 0..<image.height {
            for column in 0..<image.width {
                let pixel = row * image.width + column
                let ratio: Float =
                    switch labels[pixel] {
                    case .background: -certain
                    case .foreground: certain
                    default: min(max(ratios[pixel], -certain), certain)
                    }
                grid.setTerminal(
                    Int32((ratio * Float(GridCut.unit)).rounded()), column: column, row: row)
            }
        }
        grid.solve()
        for row in 0..<image.height {
            for column in 0..<image.width where labels[row * image.width + column].isProbable {
                labels[row * image.width + column] =
                    grid.isSource(column: column, row: row)
                    ? .probableForeground : .probableBackground
            }
        }
    }
}

extension GridCut {
    /// The integer capacity that represents 1 in the formulas.
    fileprivate static let unit = 65536.0

    /// The grid of a picture's pixels.
    fileprivate init(_ image: Image, smoothness: Double) {
        self.init(width: image.width, height: image.height)
        let beta = Self.beta(image)
        let straight = smoothness * Self.unit
        let diagonal = straight / 2.0.squareRoot()
        image.forEachNeighbours { column, row, arc, difference in
            let scale = arc == .right || arc == .below ? straight : diagonal
            let capacity = scale * exp(-beta * Double(difference))
            setCapacity(Int32(capacity.rounded()), column: column, row: row, arc)
        }
    }

    /// The reciprocal of twice the mean squared difference of neighbours' colours; 0 in a picture of one
    /// colour.
    private static func beta(_ image: Image) -> Double {
        var sum = 0
        var count = 0
        image.forEachNeighbours { _, _, _, difference in
            sum += difference
            count += 1
        }
        return sum == 0 ? 0 : Double(count) / Double(2 * sum)
    }
}

extension Image {
    /// Calls `body` for each pair of neighbours, with the squared difference of their colours.
    @inline(__always)
    fileprivate func forEachNeighbours(
        _ body: (_ column: Int, _ row: Int, GridCut.Arc, _ difference: Int) -> Void
    ) {
        pixels.withUnsafeBufferPointer { samples in
            func difference(_ a: Int, _ b: Int) -> Int {
                var sum = 0
                for channel in 0..<3 {
                    let step = Int(samples[3 * a + channel]) - Int(samples[3 * b + channel])
                    sum += step * step
                }
                return sum
            }
            for row in 0..<height {
                for column in 0..<width {
                    let pixel = row * width + column
                    if column + 1 < width {
                        body(column, row, .right, difference(pixel, pixel + 1))
                    }
                    guard row + 1 < height else { continue }
                    let below = pixel + width
                    body(column, row, .below, difference(pixel, below))
                    if column > 0 { body(column, row, .belowLeft, difference(pixel, below - 1)) }
                    if column + 1 < width {
                        body(column, row, .belowRight, difference(pixel, below + 1))
                    }
                }
            }
        }
    }
}
