import CImages

/// For each result along one axis, the range of source samples that contribute to it and their weights.
struct Taps {
    private(set) var starts: [Int32] = []
    private(set) var counts: [Int32] = []
    private var high: [Int16]
    private var low: [Int16]
    private let stride: Int

    /// - Parameters:
    ///   - source: the number of samples.
    ///   - from: the first sample of the part to be resampled.
    ///   - length: the number of samples in the part; samples around it contribute too.
    ///   - count: the number of results.
    ///   - filter: the resampling filter.
    ///   - mirrored: whether the results are in reverse order.
    init(
        source: Int, from: Int, length: Int, count: Int, filter: Filter, mirrored: Bool = false
    ) {
        let scale = Double(length) / Double(count)
        let widening = max(scale, 1)
        let support = filter.support * widening
        let most = min(Int(support.rounded(.up)) * 2 + 1, source)
        stride = (most + 3) / 4 * 4
        high = [Int16](repeating: 0, count: count * stride)
        low = high
        starts = [Int32](repeating: 0, count: count)
        counts = starts
        var weights = [Double]()
        for result in 0..<count {
            let centre = Double(from) + (Double(result) + 0.5) * scale
            let first = max(Int(centre - support + 0.5), 0)
            let last = min(Int(centre + support + 0.5), source)
            // The operations are in Pillow's order; any other would round differently.
            weights.removeAll(keepingCapacity: true)
            var sum = 0.0
            for sample in first..<last {
                let weight = filter.weight((Double(sample) - centre + 0.5) * (1 / widening))
                weights.append(weight)
                sum += weight
            }
            let place = mirrored ? count - 1 - result : result
            for (tap, weight) in weights.enumerated() {
                let fixed = Taps.fixed(sum != 0 ? weight / sum : weight)
                high[place * stride + tap] = Int16(fixed >> 11)
                low[place * stride + tap] = Int16(fixed & 2047)
            }
            starts[place] = Int32(first)
            counts[place] = Int32(last - first)
        }
    }

    /// A weight in units of 2^-22 (Pillow's PRECISION_BITS: 32 less 8 for the sample and 2 for sums above 1), halves
    /// rounded away from zero.
    private static func fixed(_ weight: Double) -> Int {
        Int((weight < 0 ? -0.5 : 0.5) + weight * Double(1 << 22))
    }

    /// The range of source samples that contribute to any result.
    var range: Range<Int> {
        let last = counts.count - 1
        return Int(starts[0])..<Int(starts[last] + counts[last])
    }

    /// The same taps for a source without its first `offset` samples.
    func shifted(by offset: Int) -> Taps {
        var shifted = self
        for index in shifted.starts.indices { shifted.starts[index] -= Int32(offset) }
        return shifted
    }

    func withC<Result>(_ body: (CImageTaps) -> Result) -> Result {
        starts.withUnsafeBufferPointer { starts in
            counts.withUnsafeBufferPointer { counts in
                high.withUnsafeBufferPointer { high in
                    low.withUnsafeBufferPointer { low in
                        body(
                            CImageTaps(
                                starts: starts.baseAddress, counts: counts.baseAddress,
                                high: high.baseAddress, low: low.baseAddress, stride: stride))
                    }
                }
            }
        }
    }
}
