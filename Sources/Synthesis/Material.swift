import Foundation
import Tensors

/// A material of the ground. All pictures share a few materials.
struct Material {
    enum Style {
        case blotches, checker, waves, pebbles, leaves
    }

    let style: Style
    private let ground: Tint
    private let far: Tint
    private let detail: Tint
    private let scale: Double

    /// Grass, sand, water, gravel, earth, tiles, leaves, snow.
    static let all = [
        Material(.leaves, (0.27, 0.38, 0.36), (0.24, 0.3, 0.55), (0.3, 0.45, 0.2), 1),
        Material(.waves, (0.11, 0.34, 0.62), (0.1, 0.3, 0.74), (0.1, 0.3, 0.5), 1),
        Material(.waves, (0.56, 0.36, 0.44), (0.54, 0.3, 0.62), (0.58, 0.4, 0.3), 0.7),
        Material(.pebbles, (0.1, 0.06, 0.44), (0.6, 0.08, 0.66), (0.1, 0.06, 0.36), 1),
        Material(.blotches, (0.07, 0.36, 0.3), (0.08, 0.34, 0.42), (0.06, 0.4, 0.22), 1.2),
        Material(.checker, (0.03, 0.4, 0.5), (0.06, 0.3, 0.64), (0.03, 0.4, 0.36), 1),
        Material(.leaves, (0.08, 0.5, 0.4), (0.11, 0.5, 0.56), (0.04, 0.5, 0.32), 1.2),
        Material(.blotches, (0.58, 0.16, 0.8), (0.6, 0.2, 0.68), (0.58, 0.1, 0.92), 1),
    ]

    /// A material whose tints are given as hue, saturation and lightness.
    private init(
        _ style: Style, _ ground: (Double, Double, Double), _ far: (Double, Double, Double),
        _ detail: (Double, Double, Double), _ scale: Double
    ) {
        func tint(_ numbers: (Double, Double, Double)) -> Tint {
            Tint(hue: numbers.0, saturation: numbers.1, lightness: numbers.2)
        }
        self.style = style
        (self.ground, self.far, self.detail) = (tint(ground), tint(far), tint(detail))
        self.scale = scale
    }

    /// The colour at a place.
    ///
    /// - Parameters:
    ///   - place: the place in the material's orientation.
    ///   - noise: the picture's noise.
    ///   - pixel: the side of a pixel.
    func tint(at place: Vector, noise: Noise, pixel: Double) -> Tint {
        let grain = noise.octaves(4, at: place * 24 * scale, pixel: pixel * 24 * scale) - 0.5
        switch style {
        case .blotches:
            let value = noise.octaves(5, at: place * 6 * scale, pixel: pixel * 6 * scale)
            return ground.mixed(with: far, smoothStep(0.3, 0.7, value))
                .mixed(with: detail, smoothStep(0.55, 0.75, value)) * (1 + 0.14 * grain)
        case .checker:
            let cells = place * 8 * scale
            let soft = pixel * 8 * scale
            func wave(_ value: Double) -> Double {
                let distance = abs(value - 2 * (value / 2).rounded()) - 0.5
                return smoothStep(-soft, soft, distance)
            }
            let (a, b) = (wave(cells.x), wave(cells.y))
            let part = a * (1 - b) + b * (1 - a)
            return ground.mixed(with: far, part) * (1 + 0.12 * grain)
        case .waves:
            let bend = noise.octaves(3, at: place * 3, pixel: pixel * 3) - 0.5
            let wave = sin((place.x * 6 * scale + bend * 2.2) * 2 * .pi)
            return ground.mixed(with: far, 0.5 + 0.5 * wave * 0.8) * (1 + 0.12 * grain)
        case .pebbles:
            let cell = noise.cell(at: place * 9 * scale)
            let gap = smoothStep(0.02, 0.16, cell.second - cell.distance)
            let stone = ground.mixed(with: far, cell.number)
            let round = 1.12 - 0.45 * cell.distance
            return (detail * 0.68).mixed(with: stone * round, gap) * (1 + 0.14 * grain)
        case .leaves:
            let value = noise.octaves(4, at: place * 9 * scale, pixel: pixel * 9 * scale)
            return ground.mixed(with: far, smoothStep(0.3, 0.5, value))
                .mixed(with: detail, smoothStep(0.5, 0.68, value)) * (1 + 0.12 * grain)
        }
    }
}
