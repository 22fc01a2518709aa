import Tensors

/// The random colours of a creature, independent of its kind.
struct Palette {
    /// The coat.
    var coat: Tint
    /// The coat's pattern.
    var pattern: Tint
    /// Hooves and the beak.
    var horn: Tint

    init(using generator: inout some RandomNumberGenerator) {
        let coatHue = generator.nextUniform()
        let coatLightness = generator.draw(0.3...0.8)
        coat = Tint(
            hue: coatHue, saturation: generator.draw(0.08...0.55), lightness: coatLightness)
        // Light on dark or dark on light, of similar hue.
        let step = generator.draw(0.22...0.42)
        pattern = Tint(
            hue: coatHue + generator.draw(-0.08...0.08), saturation: generator.draw(0.05...0.42),
            lightness: coatLightness > 0.55 ? coatLightness - step : coatLightness + step)
        horn = Tint(
            hue: generator.nextUniform(), saturation: generator.draw(0.1...0.6),
            lightness: generator.draw(0.25...0.75))
    }
}
