import Tensors

/// Keys in ascending order, with their original indices: a stable radix sort, the least significant digit
/// first.
struct SortedKeys {
    private(set) var keys: Block<Int64>
    private(set) var entries: Block<UInt32>

    /// Sorts keys.
    ///
    /// - Parameters:
    ///   - unsorted: keys that are not negative; overwritten.
    ///   - count: the number of keys.
    ///   - bits: the number of significant bits of the keys.
    /// - Complexity: O(count * bits).
    init(_ unsorted: Block<Int64>, count: Int, bits: Int) {
        keys = unsorted
        entries = Block(count: count)
        for index in 0..<count { entries[index] = UInt32(truncatingIfNeeded: index) }
        var nextKeys = Block<Int64>(count: count)
        var nextEntries = Block<UInt32>(count: count)
        // The fewest passes whose counters and write positions stay in the first-level cache.
        let passes = (bits + 11) / 12
        let digitBits = (bits + passes - 1) / passes
        let size = 1 << digitBits
        let mask = Int64(size - 1)
        withUnsafeTemporaryAllocation(of: Int.self, capacity: size) { places in
            for shift in stride(from: 0, to: bits, by: digitBits) {
                places.initialize(repeating: 0)
                withUnsafePointers(reading: keys, entries, nextKeys, nextEntries) {
                    source, from, target, to in
                    for index in 0..<count { places[Int(source[index] >> shift & mask)] += 1 }
                    var sum = 0
                    for digit in 0..<size {
                        (places[digit], sum) = (sum, sum + places[digit])
                    }
                    for index in 0..<count {
                        let digit = Int(source[index] >> shift & mask)
                        target[places[digit]] = source[index]
                        to[places[digit]] = from[index]
                        places[digit] += 1
                    }
                }
                swap(&keys, &nextKeys)
                swap(&entries, &nextEntries)
            }
        }
    }
}
