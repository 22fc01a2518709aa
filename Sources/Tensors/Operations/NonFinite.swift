extension Tensor {
    /// The number of elements that are infinite or NaN.
    ///
    /// - Complexity: O(count), one pass at the speed of memory.
    package var nonFiniteCount: Int { count(ofMagnitudeBits: 0x7f80_0000...0x7fff_ffff) }

    /// The index of the first element that is infinite or NaN.
    package var firstNonFinite: Int? {
        withUnsafeElements { $0.firstIndex { !$0.isFinite } }
    }

    /// The number of elements whose bits without the sign lie in a range. Floats other than NaN are ordered by these
    /// bits as they are by magnitude.
    package func count(ofMagnitudeBits range: ClosedRange<UInt32>) -> Int {
        let (least, most) = (range.lowerBound, range.upperBound - range.lowerBound)
        return withUnsafeElements { elements in
            var total = 0
            // 32-bit counts fill whole vectors; counting in pieces keeps them from overflowing.
            for start in stride(from: 0, to: elements.count, by: 1 << 30) {
                var count: UInt32 = 0
                for i in start..<min(start + (1 << 30), elements.count) {
                    let magnitude = elements[i].bitPattern & 0x7fff_ffff
                    count &+= magnitude &- least <= most ? 1 : 0
                }
                total += Int(count)
            }
            return total
        }
    }
}
