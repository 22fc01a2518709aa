import Tensors

/// The colours of a picture, drawn without regard to what it shows.
struct Palette {
    /// The coat, its pattern, and what is bare: hooves, a beak.
    var coat: Tint
    var pattern: Tint
    var horn: Tint
    /// The surroundings: far and near, and something between.
    var far: Tint
    var ground: Tint
    var detail: Tint
    /// Of things that lie about.
    var things: [Tint]

    init(using generator: inout some RandomNumberGenerator) {
        let coatHue = generator.nextUniform()
        let coatLightness = generator.draw(0.3...0.8)
        coat = Tint(
            hue: coatHue, saturation: generator.draw(0.08...0.55), lightness: coatLightness)
        // Light on dark or dark on light, near in hue.
        let step = generator.draw(0.22...0.42)
        pattern = Tint(
            hue: coatHue + generator.draw(-0.08...0.08), saturation: generator.draw(0.05...0.42),
            lightness: coatLightness > 0.55 ? coatLightness - step : coatLightness + step)
        horn = Tint(
            hue: generator.nextUniform(), saturation: generator.draw(0.1...0.6),
            lightness: generator.draw(0.25...0.75))
        // Surroundings that the creature stands out from, a little at least.
        var tries = 0
        repeat {
            let hue = generator.nextUniform()
            let lightness = generator.draw(0.28...0.85)
            ground = Tint(
                hue: hue, saturation: generator.draw(0.05...0.42), lightness: lightness)
            far = Tint(
                hue: hue + generator.draw(-0.4...0.4), saturation: generator.draw(0.08...0.5),
                lightness: lightness + generator.draw(-0.08...0.2))
            detail = ground.mixed(
                with: Tint(
                    hue: hue + generator.draw(-0.12...0.12),
                    saturation: generator.draw(0.1...0.5),
                    lightness: lightness + (generator.nextUniform() < 0.5 ? -0.22 : 0.18)), 0.8)
            tries += 1
        } while tries < 12
            && min(Palette.contrast(coat, ground), Palette.contrast(coat, far)) < 0.22
        things = (0..<4).map { _ in
            Tint(
                hue: generator.nextUniform(), saturation: generator.draw(0.1...0.65),
                lightness: generator.draw(0.3...0.75))
        }
    }

    /// How different two tints look, roughly: brightness counts for more than colour.
    private static func contrast(_ first: Tint, _ second: Tint) -> Double {
        let brightness = first.luma - second.luma
        let colour = (first - first.luma) - (second - second.luma)
        return (brightness * brightness + 0.5 * (colour * colour).sum()).squareRoot()
    }
}
