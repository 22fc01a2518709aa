/// Red, green and blue in 0...1.
typealias Tint = SIMD3<Double>

extension Tint {
    /// A colour in HSL.
    ///
    /// - Parameters:
    ///   - hue: the hue in turns, taken modulo 1.
    ///   - saturation: 0...1.
    ///   - lightness: clamped to 0...1.
    init(hue: Double, saturation: Double, lightness: Double) {
        let lightness = Swift.min(Swift.max(lightness, 0), 1)
        let chroma = (1 - abs(2 * lightness - 1)) * saturation
        func channel(_ offset: Double) -> Double {
            let turn = (hue + offset) - (hue + offset).rounded(.down)
            let ramp = Swift.min(Swift.max(abs(turn * 6 - 3) - 1, 0), 1)
            return lightness + chroma * (ramp - 0.5)
        }
        self.init(channel(0), channel(2.0 / 3), channel(1.0 / 3))
    }

    @inline(__always)
    func mixed(with other: Tint, _ part: Double) -> Tint { self + (other - self) * part }
}
