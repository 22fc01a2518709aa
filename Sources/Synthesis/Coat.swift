import Tensors

/// A creature's coat: plain, striped, spotted or patched, or with a pattern for each part.
struct Coat {
    enum Pattern: CaseIterable {
        case plain, striped, spotted, patched
    }

    /// The pattern of a part.
    private struct Mark {
        var pattern: Pattern
        /// The distance between stripes or spots, in lengths of the trunk.
        var period: Double
        /// Whether the coat's two colours are exchanged.
        var isInverted = false
    }

    /// The mark of each part, by its raw value.
    private let marks: [Mark]
    private let palette: Palette
    /// The share of the coat that the pattern covers.
    private let share: Double
    private let noise: Noise
    /// The lightening of the underside.
    private let belly: Double

    init(
        _ setting: Setting, palette: Palette, using generator: inout some RandomNumberGenerator
    ) {
        self.palette = palette
        let pattern = generator.draw(from: Pattern.allCases)
        let period =
            switch pattern {
            case .plain: 1.0
            case .striped: generator.draw(0.11...0.22)
            case .spotted: generator.draw(0.12...0.24)
            case .patched: generator.draw(0.3...0.5)
            }
        marks = Part.allCases.map {
            setting == .wild ? Mark(pattern: pattern, period: period) : Self.studioMark(of: $0)
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
        let mark = marks[Int(part.rawValue)]
        let period = mark.period
        switch mark.pattern {
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
        if mark.isInverted { covered = 1 - covered }
        let light = palette.coat.mixed(with: Tint(repeating: 0.97), belly * underside)
        let hair = noise.octaves(3, at: place * 16, pixel: pixel * 16) - 0.5
        return light.mixed(with: palette.pattern, covered * 0.92) * (1 + 0.14 * hair)
    }

    /// The mark of a part in the studio, where parts differ.
    private static func studioMark(of part: Part) -> Mark {
        switch part {
        case .legs: Mark(pattern: .striped, period: 0.16)
        case .tail: Mark(pattern: .striped, period: 0.3)
        case .head, .ears: Mark(pattern: .plain, period: 1, isInverted: true)
        case .body, .background: Mark(pattern: .spotted, period: 0.2)
        }
    }
}
