/// The generator MT19937 of Matsumoto and Nishimura, "Mersenne Twister: a 623-dimensionally
/// equidistributed uniform pseudo-random number generator" (1998), equal to C++'s `std::mt19937`, to
/// reproduce the random choices of C++ programs.
package struct MersenneTwister {
    private var state: [UInt32]
    private var position: Int

    package init(seed: UInt32) {
        state = [seed]
        for index in 1..<624 {
            let last = state[index - 1]
            state.append(1_812_433_253 &* (last ^ last >> 30) &+ UInt32(index))
        }
        position = state.count
    }

    package mutating func next() -> UInt32 {
        if position == state.count { twist() }
        var value = state[position]
        position += 1
        value ^= value >> 11
        value ^= value << 7 & 0x9D2C_5680
        value ^= value << 15 & 0xEFC6_0000
        return value ^ value >> 18
    }

    private mutating func twist() {
        let count = state.count
        for index in 0..<count {
            let joined =
                state[index] & 0x8000_0000 | state[(index + 1) % count] & 0x7FFF_FFFF
            state[index] =
                state[(index + 397) % count] ^ joined >> 1 ^ (joined & 1) &* 0x9908_B0DF
        }
        position = 0
    }

    /// A permutation of the indices below `count`, equal to that of faiss's `rand_perm`.
    ///
    /// - Complexity: O(count).
    package static func permutation(_ count: Int, seed: UInt64) -> [Int] {
        var generator = MersenneTwister(seed: UInt32(truncatingIfNeeded: seed))
        var order = Array(0..<count)
        for index in order.indices.dropLast() {
            order.swapAt(index, index + Int(generator.next()) % (count - index))
        }
        return order
    }
}
