import Foundation
import Tensors

/// A creature's coat: plain, striped, spotted or patched, or with a pattern for each part.
struct Coat {
    enum Pattern: CaseIterable {
        case plain, striped, spotted, patched
    }

    private let setting: Setting
    private let pattern: Pattern
    private let palette: Palette
    /// The distance between stripes or spots, in lengths of the trunk.
    private let period: Double
    /// The share of the coat that the pattern covers.
    private let share: Double
    private let noise: Noise
    /// The lightening of the underside.
    private let belly: Double

    init(
        _ setting: Setting, palette: Palette, using generator: inout some RandomNumberGenerator
    ) {
        self.setting = setting
        self.palette = palette
        pattern = generator.draw(from: Pattern.allCases)
        switch pattern {
        case .plain: period = 1
        case .striped: period = generator.draw(0.11...0.22)
        case .spotted: period = generator.draw(0.12...0.24)
        case .patched: period = generator.draw(0.3...0.5)
        }
        share = generator.draw(0.35...0.6)
        belly = generator.draw(0...0.3)
        noise = Noise(seed: generator.next())
    }

    /// The coat's colour at a place.
    ///
    /// - Parameters:
    ///   - part: the part of the creature.
    ///   - place: the place on the creature, in lengths of the trunk.
    ///   - arc: the distance along the limb, in lengths of the trunk.
    ///   - across: the position across the limb, -1...1.
    ///   - underside: the degree to which the surface faces down, 0...1.
    ///   - pixel: the side of a pixel in lengths of the trunk.
    func tint(
        of part: Part, at place: Vector, arc: Double, across: Double, underside: Double,
        pixel: Double
    ) -> Tint {
        var covered = 0.0
        let (pattern, period) = setting == .wild ? (pattern, period) : Self.mark(of: part)
        switch pattern {
        case .plain:
            break
        case .striped:
            let wobble = noise.at(place * 5) - 0.5
            let turn = (arc + across * 0.03) / period + wobble * 0.9
            let wave = abs(turn - turn.rounded()) * 2
            let soft = max(2 * pixel / period, 0.08)
            covered = 1 - smoothStep(share - soft, share + soft, wave)
        case .spotted:
            let cell = noise.cell(at: place / period)
            let radius = 0.22 + 0.28 * share + 0.12 * (cell.number - 0.5)
            let soft = max(pixel / period, 0.05)
            covered = 1 - smoothStep(radius - soft, radius + soft, cell.distance)
        case .patched:
            let value = noise.octaves(3, at: place / period, pixel: pixel / period)
            let soft = max(pixel / period * 0.6, 0.03)
            covered = smoothStep(1 - share - soft, 1 - share + soft, value * 1.3 - 0.15)
        }
        if setting == .studio && (part == .head || part == .ears) { covered = 1 - covered }
        let light = palette.coat.mixed(with: Tint(repeating: 0.97), belly * underside)
        let hair = noise.octaves(3, at: place * 16, pixel: pixel * 16) - 0.5
        return light.mixed(with: palette.pattern, covered * 0.92) * (1 + 0.14 * hair)
    }

    /// The pattern of a part in the studio, and its period.
    private static func mark(of part: Part) -> (Pattern, period: Double) {
        switch part {
        case .legs: (.striped, 0.16)
        case .tail: (.striped, 0.3)
        case .head, .ears: (.plain, 1)
        case .body, .background: (.spotted, 0.2)
        }
    }
}
