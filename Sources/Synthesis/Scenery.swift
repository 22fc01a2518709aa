import Foundation
import Tensors

/// What lies behind a creature.
struct Scenery {
    enum Style: CaseIterable {
        case meadow, hills, clouds, checker, waves, pebbles, foliage, slope
    }

    let style: Style
    /// Where the ground begins, from the upper edge; 0 where all is ground.
    let horizon: Double
    private let palette: Palette
    private let noise: Noise
    private let scale: Double
    private let turn: Vector

    init(palette: Palette, using generator: inout some RandomNumberGenerator) {
        self.palette = palette
        style = generator.draw(from: Style.allCases)
        let height = generator.draw(0.18...0.6)
        switch style {
        case .meadow, .hills: horizon = height
        default: horizon = 0
        }
        noise = Noise(seed: generator.next())
        scale = generator.draw(0.7...1.5)
        turn = Vector(degrees: generator.draw(0...90))
    }

    func canvas(size: Int) -> Canvas {
        let pixel = 1 / Double(size)
        return Canvas(size: size) { tint(at: $0, pixel: pixel) }
    }

    private func tint(at place: Vector, pixel: Double) -> Tint {
        let grain = noise.octaves(4, at: place * 24 * scale, pixel: pixel * 24 * scale) - 0.5
        let turned = Vector(place.dot(turn), place.dot(turn.left))
        switch style {
        case .meadow, .hills:
            return landscape(place, grain: grain, pixel: pixel)
        case .clouds:
            let value = noise.octaves(5, at: place * 3.5 * scale, pixel: pixel * 3.5 * scale)
            return palette.ground.mixed(with: palette.far, smoothStep(0.3, 0.7, value))
                .mixed(with: palette.detail, smoothStep(0.62, 0.8, value)) * (1 + 0.08 * grain)
        case .checker:
            let cells = turned * 6 * scale
            let soft = pixel * 6 * scale
            func wave(_ value: Double) -> Double {
                let distance = abs(value - 2 * (value / 2).rounded()) - 0.5
                return smoothStep(-soft, soft, distance)
            }
            let (a, b) = (wave(cells.x), wave(cells.y))
            let part = a * (1 - b) + b * (1 - a)
            return palette.ground.mixed(with: palette.far, part) * (1 + 0.12 * grain)
        case .waves:
            let bend = noise.octaves(3, at: place * 3, pixel: pixel * 3) - 0.5
            let wave = sin((turned.x * 5 * scale + bend * 2.2) * 2 * .pi)
            return palette.ground.mixed(with: palette.far, 0.5 + 0.5 * wave * 0.8)
                * (1 + 0.12 * grain)
        case .pebbles:
            let cell = noise.cell(at: turned * 7 * scale)
            let gap = smoothStep(0.02, 0.16, cell.second - cell.distance)
            let stone = palette.ground.mixed(with: palette.far, cell.number)
            let round = 1.12 - 0.45 * cell.distance
            return (palette.detail * 0.68).mixed(with: stone * round, gap) * (1 + 0.14 * grain)
        case .foliage:
            let value = noise.octaves(4, at: place * 7 * scale, pixel: pixel * 7 * scale)
            return palette.ground.mixed(with: palette.detail * 0.7, smoothStep(0.35, 0.65, value))
        case .slope:
            let blotch = noise.octaves(4, at: place * 5 * scale, pixel: pixel * 5 * scale) - 0.5
            return palette.far.mixed(with: palette.ground, smoothStep(-0.2, 1.1, turned.x * 0.9))
                * (1 + 0.2 * blotch + 0.1 * grain)
        }
    }

    private func landscape(_ place: Vector, grain: Double, pixel: Double) -> Tint {
        let low = noise.octaves(3, at: Vector(place.x * 3 * scale, 7), pixel: pixel * 3 * scale)
        let edge = horizon + (style == .hills ? 0.12 * (low - 0.5) : 0.015 * (low - 0.5))
        let cloud = noise.octaves(
            4, at: Vector(place.x * 2.5, place.y * 6) * scale + 31, pixel: pixel * 6 * scale)
        var sky = palette.far.mixed(with: Tint(repeating: 0.96), 0.45 * place.y / max(edge, 0.1))
        sky = sky.mixed(with: Tint(repeating: 0.97), 0.55 * smoothStep(0.5, 0.72, cloud))
        if style == .hills {
            // A second, paler ridge behind.
            let ridge =
                edge - 0.05
                - 0.16 * noise.octaves(3, at: Vector(place.x * 2.2, 77), pixel: pixel * 2.2)
            let hill = palette.detail.mixed(with: palette.far, 0.45) * (1 + 0.1 * grain)
            sky = sky.mixed(with: hill, smoothStep(-pixel, pixel, place.y - ridge))
        }
        // Nearer ground is darker, and its texture wider.
        let depth = max(place.y - edge, 0) / max(1 - edge, 0.1)
        let spread = 10 * scale / (0.35 + depth)
        let blotch =
            noise.octaves(
                4, at: Vector((place.x - 0.5) * spread, place.y * spread * 2.5),
                pixel: pixel * spread * 2.5) - 0.5
        let ground =
            palette.ground.mixed(with: palette.detail, 0.5 + blotch)
            * (1.08 - 0.2 * depth + 0.12 * grain)
        return sky.mixed(with: ground, smoothStep(-pixel, pixel, place.y - edge))
    }
}
