import Tensors

/// Mean and covariance of points in double precision, as the eigenvectors of close eigenvalues are
/// sensitive to rounding.
package struct Covariance {
    /// The mean of the points, `channels` elements.
    package let mean: [Double]
    /// The covariance matrix, `channels * channels` elements; only those on and below the diagonal are
    /// set. The divisor is `points - 1`.
    package var lower: [Double]

    /// Channels that the kernel processes at once.
    private static let panel = 4
    /// Points per chunk, so that a chunk's panels stay in the second-level cache.
    private static let chunk = 512

    /// Computes the covariance of all points of all sets.
    ///
    /// - Parameter sets: matrices `[points, channels]`.
    /// - Precondition: all have the same number of channels, and there is at least one point.
    /// - Complexity: O(points * channels²) time, O(channels²) memory.
    package init(of sets: [Tensor]) {
        let channels = sets.first?.shape[1] ?? 0
        let points = sets.reduce(0) { $0 + $1.shape[0] }
        var mean = [Double](repeating: 0, count: channels)
        for set in sets {
            set.withUnsafeElements { elements in
                for start in stride(from: 0, to: elements.count, by: channels) {
                    for channel in 0..<channels {
                        mean[channel] += Double(elements[start + channel])
                    }
                }
            }
        }
        for channel in 0..<channels { mean[channel] /= Double(points) }
        let panels = (channels + Self.panel - 1) / Self.panel
        var lower = [Double](repeating: 0, count: channels * channels)
        // [panels, points of a chunk, channels of a panel]
        var centred = [Double](repeating: 0, count: panels * Self.chunk * Self.panel)
        for set in sets {
            for first in stride(from: 0, to: set.shape[0], by: Self.chunk) {
                let count = min(Self.chunk, set.shape[0] - first)
                set.withUnsafeElements { elements in
                    for point in 0..<count {
                        let source = (first + point) * channels
                        for channel in 0..<channels {
                            let (panel, lane) = channel.quotientAndRemainder(dividingBy: Self.panel)
                            centred[(panel * Self.chunk + point) * Self.panel + lane] =
                                Double(elements[source + channel]) - mean[channel]
                        }
                    }
                }
                Self.addProducts(of: centred, points: count, channels: channels, to: &lower)
            }
        }
        let divisor = Double(max(points - 1, 1))
        for index in lower.indices { lower[index] /= divisor }
        self.mean = mean
        self.lower = lower
    }

    /// Adds the products of each pair of panels, summed over the points of a chunk.
    private static func addProducts(
        of centred: [Double], points: Int, channels: Int, to lower: inout [Double]
    ) {
        let panels = (channels + panel - 1) / panel
        centred.withUnsafeBufferPointer { centred in
            lower.withUnsafeMutableBufferPointer { lower in
                guard let centred = centred.baseAddress, let lower = lower.baseAddress else {
                    return
                }
                Parallelism.perform(count: panels) { row in
                    let a = centred + row * chunk * panel
                    for column in 0...row {
                        let b = centred + column * chunk * panel
                        var sums = (
                            SIMD4<Double>(), SIMD4<Double>(), SIMD4<Double>(), SIMD4<Double>()
                        )
                        for at in stride(from: 0, to: points * panel, by: panel) {
                            let values = UnsafeRawPointer(b + at)
                                .loadUnaligned(as: SIMD4<Double>.self)
                            sums.0 += a[at] * values
                            sums.1 += a[at + 1] * values
                            sums.2 += a[at + 2] * values
                            sums.3 += a[at + 3] * values
                        }
                        let block = [sums.0, sums.1, sums.2, sums.3]
                        for i in 0..<min(panel, channels - row * panel) {
                            for j in 0..<min(panel, channels - column * panel) {
                                lower[(row * panel + i) * channels + column * panel + j] +=
                                    block[i][j]
                            }
                        }
                    }
                }
            }
        }
    }
}
