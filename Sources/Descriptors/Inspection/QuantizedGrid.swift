/// Descriptors quantised to one byte per channel, for a page that shows similarities.
///
/// Rounding changes a cosine by a few ten-thousandths, or by thousandths if single channels are far
/// greater than the others: less than one step of a heat map's colours.
struct QuantizedGrid: Sendable {
    /// `[cells, channels]`, from -127 to 127.
    private(set) var values: [Int8] = []
    /// The factor of each cell's values.
    private(set) var scales: [Float] = []
    /// The reciprocal norm of each cell's descriptor (of the log-binned one, with binning).
    let inverseNorms: [Float]

    /// Quantises a grid.
    ///
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
                // Descriptors that are zero or not finite become zero.
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
