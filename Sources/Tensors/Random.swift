import Foundation
import Platform

/// The generator of Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014), in Vigna's form:
/// 64 bits of state, suited to seeding other generators.
public struct SplitMix64: RandomNumberGenerator, Hashable, Sendable, Codable {
    private var state: UInt64

    /// Creates a generator whose state is `seed`.
    public init(seed: UInt64) {
        state = seed
    }

    /// The next 64 random bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// The generator xoshiro256** of Blackman and Vigna, "Scrambled linear pseudorandom number generators" (2021): 256 bits
/// of state, which can be encoded and restored.
public struct Xoshiro256: RandomNumberGenerator, Hashable, Sendable, Codable {
    private var s0: UInt64
    private var s1: UInt64
    private var s2: UInt64
    private var s3: UInt64

    /// Creates a generator, filling its state from a `SplitMix64` as the authors recommend.
    public init(seed: UInt64) {
        var seeds = SplitMix64(seed: seed)
        self.init(state: (seeds.next(), seeds.next(), seeds.next(), seeds.next()))
    }

    /// Creates an independent generator for each combination of indices, such as (epoch, picture): work that draws from
    /// it gives the same results in any order, on any thread and after any interruption.
    ///
    /// - Parameters:
    ///   - seed: the seed shared by all streams.
    ///   - stream: the indices that select the stream.
    public init(seed: UInt64, stream: Int...) {
        func mix(_ value: UInt64) -> UInt64 {
            var generator = SplitMix64(seed: value)
            return generator.next()
        }
        self.init(
            seed: stream.reduce(mix(seed)) { mix($0 ^ UInt64(bitPattern: Int64($1))) })
    }

    /// - Precondition: the state is not all zeros.
    package init(state: (UInt64, UInt64, UInt64, UInt64)) {
        require(state != (0, 0, 0, 0), "Xoshiro256: an all-zero state generates only zeros")
        (s0, s1, s2, s3) = state
    }

    /// The next 64 random bits.
    public mutating func next() -> UInt64 {
        func rotate(_ value: UInt64, by count: UInt64) -> UInt64 {
            value << count | value >> (64 - count)
        }
        let result = rotate(s1 &* 5, by: 7) &* 9
        let shifted = s1 << 17
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= shifted
        s3 = rotate(s3, by: 45)
        return result
    }
}

// The standard library's `random(in:using:)` may change what it draws from one version to the next; these do not.
extension RandomNumberGenerator {
    /// A uniform number in [0, 1), a multiple of 2^-53.
    public mutating func nextUniform() -> Double {
        Double(next() >> 11) * 0x1p-53
    }

    /// A number from the standard normal distribution (Box and Muller 1958). Takes two draws.
    public mutating func nextNormal() -> Double {
        let radius = (-2 * log(1 - nextUniform())).squareRoot()
        return radius * cos(2 * .pi * nextUniform())
    }

    /// A uniform index in `0..<count`; the bias is below count / 2^64.
    public mutating func nextIndex(below count: Int) -> Int {
        require(count > 0, "nextIndex: no index below \(count)")
        return Int(next().multipliedFullWidth(by: UInt64(count)).high)
    }
}
