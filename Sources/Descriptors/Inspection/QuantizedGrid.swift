/// Descriptors in a byte a channel, for a page that shows similarities.
///
/// Rounding changes a cosine by some ten-thousandths, by thousandths where single channels are far
/// greater than the others: less than a step of a heat map's colours.
struct QuantizedGrid: Sendable {
    /// `[cells, channels]`, from -127 to 127.
    private(set) var values: [Int8] = []
    /// What each cell's values are multiplied by.
    private(set) var scales: [Float] = []
    /// One over the norm of each cell's descriptor, the log-binned one if it is binned.
    let inverseNorms: [Float]

    /// - Complexity: O(cells * channels).
    init(_ descriptors: DescriptorGrid, binning: Binning) {
        let channels = descriptors.channels
        values.reserveCapacity(descriptors.values.count)
        scales.reserveCapacity(descriptors.grid.count)
        inverseNorms = SearchSide(descriptors, binning: binning).scales
        descriptors.values.withUnsafeElements { elements in
            for start in stride(from: 0, to: elements.count, by: channels) {
                var greatest: Float = 0
                for index in start..<start + channels where elements[index].isFinite {
                    greatest = max(greatest, abs(elements[index]))
                }
                // A descriptor of zeros, or of no numbers, stays one of zeros.
                let scale = max(greatest, .leastNormalMagnitude * 127) / 127
                scales.append(scale)
                for index in start..<start + channels {
                    let step = (elements[index] / scale).rounded()
                    values.append(Int8(exactly: step) ?? 0)
                }
            }
        }
    }
}
