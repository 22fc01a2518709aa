import Tensors

extension [UInt8] {
    /// Changes anything, knowing nothing of what the bytes mean.
    ///
    /// - Parameter others: inputs of which a part may be taken over.
    mutating func mutate(others: [[UInt8]], using chance: inout Xoshiro256) {
        guard !isEmpty else {
            self = chance.pick(others)
            return
        }
        let at = chance.place(in: count)
        let length = Swift.min(chance.length(most: count), count - at)
        switch chance.below(12) {
        case 0, 1: self[at] ^= 1 << UInt8(chance.below(8))
        case 2: self[at] = UInt8(chance.below(256))
        case 3, 4, 5:
            let size = chance.pick([1, 2, 4, 8])
            let value = chance.pick(Interesting.integers)
            put(value, at: at, size: size, isBigEndian: chance.oneIn(2))
        case 6: removeSubrange((chance.oneIn(2) ? at : count - length)...)
        case 7: removeSubrange(at..<at + length)
        case 8: insert(contentsOf: self[at..<at + length], at: chance.below(count + 1))
        case 9:
            let stretch = self[at..<at + length]
            removeSubrange(at..<at + length)
            insert(contentsOf: stretch, at: chance.below(count + 1))
        case 10:
            let other = chance.pick(others)
            let from = chance.place(in: other.count)
            let to = Swift.min(other.count, from + chance.length(most: other.count))
            if from < to { replaceSubrange(at..<at + length, with: other[from..<to]) }
        default:
            for index in at..<at + length { self[index] = UInt8(chance.below(256)) }
        }
    }

    /// Writes as much of an integer as there is room for.
    mutating func put(_ value: Int, at offset: Int, size: Int, isBigEndian: Bool) {
        for index in 0..<size where offset + index < count {
            let shift = 8 * (isBigEndian ? size - 1 - index : index)
            self[offset + index] = UInt8(truncatingIfNeeded: value >> shift)
        }
    }

    /// An integer without its sign; zeros are read past the end.
    func integer(at offset: Int, size: Int, isBigEndian: Bool) -> Int {
        (0..<size).reduce(0) { value, index in
            let at = offset + (isBigEndian ? index : size - 1 - index)
            return value << 8 | (indices.contains(at) ? Int(self[at]) : 0)
        }
    }

    /// Sets single floats of a stretch to values at which arithmetic breaks.
    mutating func mutateFloats(in range: Range<Int>, using chance: inout Xoshiro256) {
        let size = chance.oneIn(6) ? 2 : 4
        guard range.count >= size else { return }
        let slots = range.count / size
        let value = chance.pick(Interesting.floats).bitPattern
        let first = chance.below(slots)
        let most = chance.oneIn(4) ? chance.length(most: slots) : 1
        let last = Swift.min(slots, first + most)
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
