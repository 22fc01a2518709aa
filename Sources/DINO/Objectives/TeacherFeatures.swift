import Tensors
import ViT

/// A feature teacher's vectors for the crops of one view.
public struct TeacherFeatures: Sendable {
    /// The vectors at the student's patches: `[pictures, cells, channels]`.
    public var patches: Tensor
    /// The vectors of the whole crops: `[pictures, channels]`.
    public var classToken: Tensor
    /// The attention to each cell, as shares of each crop that sum to 1: `[pictures, cells]`; nil if the teacher
    /// supplies none.
    public var attention: Tensor?

    /// - Parameter attention: non-negative weights of any scale, `[pictures, cells]`.
    init(patches: Tensor, classToken: Tensor, attention: Tensor?) {
        self.patches = patches
        self.classToken = classToken
        self.attention = attention?.sharesOfRows()
    }

    /// The features of a network that the vectors are made of.
    static let taps: [FeatureTap] = [.patchTokens, .classAttention]

    /// Creates the vectors from a network's features: its patches, resampled to another grid, its class token, and
    /// its attention, averaged over heads.
    init(_ features: Features, on grid: PatchGrid) {
        let tokens = features[.patchTokens]
        let (images, width) = (tokens.shape[0], tokens.shape[2])
        let whole = MapSampling(from: features.grid, to: grid)
        var maps = Tensor(uninitialized: [images, grid.count, width])
        var weights = Tensor(uninitialized: [images, grid.count])
        withUnsafePointers(writing: &maps, &weights) { maps, weights in
            for image in 0..<images {
                features.patches(at: .patchTokens, image: image).withUnsafeElements {
                    whole.sample($0, channels: width, into: maps + image * grid.count * width)
                }
                let attention = features.classAttention(inLayer: -1, image: image)
                attention.meanOfRows().withUnsafeElements {
                    whole.sample($0, channels: 1, into: weights + image * grid.count)
                }
            }
        }
        self.init(patches: maps, classToken: tokens.slices(at: 0), attention: weights)
    }

    /// Joins the vectors of pictures of one view.
    init(joining parts: [TeacherFeatures]) {
        patches = .concatenated(parts.map(\.patches))
        classToken = .concatenated(parts.map(\.classToken))
        let attention = parts.compactMap(\.attention)
        self.attention = attention.count == parts.count ? .concatenated(attention) : nil
    }

    /// The vectors of some pictures.
    func rows(_ pictures: Range<Int>) -> TeacherFeatures {
        guard pictures != 0..<patches.shape[0] else { return self }
        var result = self
        result.patches = patches.rows(pictures)
        result.classToken = classToken.rows(pictures)
        result.attention = attention?.rows(pictures)
        return result
    }

    /// Creates the vectors from maps. A crop's vector is the mean over its cells, weighted by saliency if given.
    ///
    /// - Parameters:
    ///   - maps: `[pictures, cells, channels]`.
    ///   - saliency: non-negative weights of any scale, `[pictures, cells]`.
    /// - Complexity: O(elements).
    public init(maps: Tensor, saliency: Tensor?) {
        let (pictures, cells, channels) = (maps.shape[0], maps.shape[1], maps.shape[2])
        let shares =
            saliency?.sharesOfRows()
            ?? Tensor(repeating: 1 / Float(cells), shape: [pictures, cells])
        var means = Tensor(repeating: 0, shape: [pictures, channels])
        withUnsafePointers(writing: &means, reading: maps, shares) { means, maps, shares in
            Parallelism.perform(count: pictures) { picture in
                let target = means + picture * channels
                for cell in 0..<cells {
                    let share = shares[picture * cells + cell]
                    let source = maps + (picture * cells + cell) * channels
                    for i in 0..<channels { target[i] += share * source[i] }
                }
            }
        }
        patches = maps
        classToken = means
        attention = saliency.map { _ in shares }
    }
}

extension Tensor {
    /// The mean of a matrix's rows: `[columns]`.
    fileprivate func meanOfRows() -> Tensor {
        let (rows, columns) = (shape[0], shape[1])
        return Tensor(shape: [columns]) { target in
            withUnsafeElements { source in
                for column in 0..<columns {
                    var sum: Float = 0
                    for row in 0..<rows { sum += source[row * columns + column] }
                    target[column] = sum / Float(rows)
                }
            }
        }
    }

    /// Each row divided by its sum; a row of zeros becomes uniform.
    fileprivate func sharesOfRows() -> Tensor {
        let columns = shape[1]
        return Tensor(shape: shape) { target in
            withUnsafeElements { source in
                for row in 0..<shape[0] {
                    let line = row * columns..<(row + 1) * columns
                    let sum = source[line].reduce(0.0) { $0 + Double($1) }
                    for i in line {
                        target[i] =
                            sum > 0 ? Float(Double(source[i]) / sum) : 1 / Float(columns)
                    }
                }
            }
        }
    }
}

/// The mean and variance of each channel of a teacher's features, over the crops of several steps.
struct Standardization: Sendable {
    /// `[channels]`.
    var mean: Tensor
    /// `[channels]`.
    var variance: Tensor

    init(mean: Tensor, variance: Tensor) {
        self.mean = mean
        self.variance = variance
    }

    /// Computes mean and variance over the rows of all shares.
    ///
    /// - Parameters:
    ///   - shares: for each of this rank's shares its parts, `[…, channels]` each.
    ///   - communicator: the ranks that hold the shares.
    /// - Complexity: O(elements).
    init(of shares: [[Tensor]], across communicator: any Communicator) {
        let channels = shares[0][0].shape[-1]
        func sum(_ term: (_ channel: Int, _ value: Double) -> Double) -> [Double] {
            communicator.sum(
                shares.map { parts in
                    var sums = [Double](repeating: 0, count: channels)
                    for part in parts {
                        part.withUnsafeElements { elements in
                            for row in 0..<elements.count / channels {
                                for channel in 0..<channels {
                                    let value = Double(elements[row * channels + channel])
                                    sums[channel] += term(channel, value)
                                }
                            }
                        }
                    }
                    return sums
                })
        }
        let rows = communicator.sum(
            shares.map { [$0.reduce(0.0) { $0 + Double($1.count / channels) }] })[0]
        let means = sum { $1 }.map { $0 / rows }
        let squares = sum { ($1 - means[$0]) * ($1 - means[$0]) }
        mean = Tensor(means.map { Float($0) }, shape: [channels])
        variance = Tensor(squares.map { Float($0 / rows) }, shape: [channels])
    }

    /// Combines the statistics of `steps` steps with those of one more that has equally many rows per step (Chan et
    /// al. 1983).
    ///
    /// - Complexity: O(channels).
    func adding(_ next: Standardization, after steps: Int) -> Standardization {
        let count = Double(steps)
        var (means, variances) = ([Float](), [Float]())
        for (own, other) in zip(
            zip(mean.elements, variance.elements), zip(next.mean.elements, next.variance.elements))
        {
            let difference = Double(other.0) - Double(own.0)
            means.append(Float(Double(own.0) + difference / (count + 1)))
            variances.append(
                Float(
                    (count * Double(own.1) + Double(other.1)) / (count + 1)
                        + count / ((count + 1) * (count + 1)) * difference * difference))
        }
        return Standardization(
            mean: Tensor(means, shape: mean.shape), variance: Tensor(variances, shape: mean.shape))
    }

    /// Standardises `x`: `(x - mean) / deviation`.
    ///
    /// The deviation is at least a tenth of the root mean square over channels, so that noise in nearly constant
    /// channels is not amplified.
    ///
    /// - Complexity: O(elements).
    func callAsFunction(_ x: Tensor) -> Tensor {
        let channels = mean.count
        let usual = variance.elements.reduce(0, +) / Float(channels)
        let scales = variance.elements.map { 1 / max($0, usual / 100, 1e-30).squareRoot() }
        var result = Tensor(uninitialized: x.shape)
        withUnsafePointers(writing: &result, reading: x, mean) { target, source, mean in
            scales.withUnsafeBufferPointer { scales in
                nonisolated(unsafe) let scales = scales
                Parallelism.perform(count: x.count / channels) { row in
                    let (source, target) = (source + row * channels, target + row * channels)
                    for i in 0..<channels { target[i] = (source[i] - mean[i]) * scales[i] }
                }
            }
        }
        return result
    }
}
