/// e^x for x ≤ 0. The relative error is 2e-7, plus the same for each unit of |x|, as x log2 e is rounded.
/// Results below 2^-100 become 0, so that later arithmetic does not meet subnormal numbers.
///
/// x log2 e is split into a whole number, which goes into the exponent, and f in [-1/2, 1/2]; 2^f is a
/// minimax polynomial.
@inline(__always)
func exponential(_ x: Lanes) -> Lanes {
    let scaled = x * 1.442_695_04
    let exponent = scaled.replacing(with: -126, where: scaled .< -126)
    let shifted = exponent + 0x1.8p23  // rounds to a whole number, left in the low bits
    let fraction = exponent - (shifted - 0x1.8p23)
    var power = Lanes(repeating: 0.001_332_032_377_8)
    power = power * fraction + 0.009_677_723_981
    power = power * fraction + 0.055_505_428_463
    power = power * fraction + 0.240_220_725_536
    power = power * fraction + 0.693_147_122_860
    power = power * fraction + 1
    let bits =
        unsafeBitCast(power, to: SIMD8<Int32>.self) &+ unsafeBitCast(shifted, to: SIMD8<Int32>.self)
        &<< 23
    return unsafeBitCast(bits, to: Lanes.self).replacing(with: 0, where: exponent .< -100)
}
