import Tensors

extension [UInt8] {
    /// Changes the bytes without regard to their meaning.
    ///
    /// - Parameter others: inputs from which a part may be copied.
    mutating func mutate(others: [[UInt8]], using random: inout Xoshiro256) {
        guard !isEmpty else {
            self = random.pick(others)
            return
        }
        let at = random.position(in: count)
        let length = Swift.min(random.length(upTo: count), count - at)
        switch random.below(12) {
        case 0, 1: self[at] ^= 1 << UInt8(random.below(8))
        case 2: self[at] = UInt8(random.below(256))
        case 3, 4, 5:
            let size = random.pick([1, 2, 4, 8])
            let value = random.pick(Interesting.integers)
            put(value, at: at, size: size, isBigEndian: random.oneIn(2))
        case 6: removeSubrange((random.oneIn(2) ? at : count - length)...)
        case 7: removeSubrange(at..<at + length)
        case 8: insert(contentsOf: self[at..<at + length], at: random.below(count + 1))
        case 9:
            let stretch = self[at..<at + length]
            removeSubrange(at..<at + length)
            insert(contentsOf: stretch, at: random.below(count + 1))
        case 10:
            let other = random.pick(others)
            let from = random.position(in: other.count)
            let to = Swift.min(other.count, from + random.length(upTo: other.count))
            if from < to { replaceSubrange(at..<at + length, with: other[from..<to]) }
        default:
            for index in at..<at + length { self[index] = UInt8(random.below(256)) }
        }
    }

    /// Writes an integer, as far as there is space for it.
    mutating func put(_ value: Int, at offset: Int, size: Int, isBigEndian: Bool) {
        for index in 0..<size where offset + index < count {
            let shift = 8 * (isBigEndian ? size - 1 - index : index)
            self[offset + index] = UInt8(truncatingIfNeeded: value >> shift)
        }
    }

    /// Reads an unsigned integer; bytes past the end are zeros.
    func integer(at offset: Int, size: Int, isBigEndian: Bool) -> Int {
        (0..<size).reduce(0) { value, index in
            let at = offset + (isBigEndian ? index : size - 1 - index)
            return value << 8 | (indices.contains(at) ? Int(self[at]) : 0)
        }
    }

    /// Sets some floats in a range to values that often break arithmetic.
    mutating func mutateFloats(in range: Range<Int>, using random: inout Xoshiro256) {
        let size = random.oneIn(6) ? 2 : 4
        guard range.count >= size else { return }
        let slots = range.count / size
        let value = random.pick(Interesting.floats).bitPattern
        let first = random.below(slots)
        let length = random.oneIn(4) ? random.length(upTo: slots) : 1
        let last = Swift.min(slots, first + length)
        for slot in first..<last {
            let bits = size == 4 ? Int(value) : Int(value >> 16)
            put(bits, at: range.lowerBound + slot * size, size: size, isBigEndian: false)
        }
    }
}

/// The bytes of an integer.
func integerBytes(_ value: Int, size: Int, isBigEndian: Bool) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: size)
    bytes.put(value, at: 0, size: size, isBigEndian: isBigEndian)
    return bytes
}
