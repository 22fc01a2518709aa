import Tensors

/// The background of a creature. In a studio it is a plain wall and a plain floor in random colours.
///
/// In the wild it is patches of several materials with uneven edges. Patches are so small that each crop of a picture
/// shows different ones, and are laid out so that adjacent patches include all materials: the background hardly
/// distinguishes pictures, so that a network has to learn the creature.
struct Scenery {
    private let noise: Noise
    private let turn: Vector
    /// Patches per side of the picture.
    private let patches: Double
    /// The studio's colours.
    private let wall, floor: Tint
    private let setting: Setting

    init(_ setting: Setting, using generator: inout some RandomNumberGenerator) {
        self.setting = setting
        noise = Noise(seed: generator.next())
        turn = Vector(degrees: generator.draw(0...360))
        patches = generator.draw(5...7.5)
        func paint() -> Tint {
            Tint(
                hue: generator.nextUniform(), saturation: generator.draw(0.1...0.55),
                lightness: generator.draw(0.3...0.85))
        }
        (wall, floor) = (paint(), paint())
    }

    /// Paints the background of a creature that stands at a place.
    func canvas(size: Int, behind placing: Placing) -> Canvas {
        let pixel = 1 / Double(size)
        return Canvas(size: size) {
            setting == .wild ? tint(at: $0, pixel: pixel) : studio(at: $0, behind: placing)
        }
    }

    /// A wall that is lit from above, and the floor that the creature stands on.
    private func studio(at place: Vector, behind placing: Placing) -> Tint {
        let depth = (place - placing.floorEdge).dot(-placing.ground.left)
        return (wall * (0.95 - 0.25 * depth)).mixed(
            with: floor * (0.98 + 0.2 * depth), smoothStep(0, 0.05, depth))
    }

    private func tint(at place: Vector, pixel: Double) -> Tint {
        let turned = Vector(place.dot(turn), place.dot(turn.left))
        let bend = Vector(
            noise.octaves(3, at: place * 6 + 17, pixel: pixel * 6),
            noise.octaves(3, at: place * 6 + 71, pixel: pixel * 6))
        let patch = noise.cell(at: (turned + (bend - 0.5) * 0.16) * patches)
        // Eight consecutive patches of a row are all different, and so are vertical neighbours.
        let index = (patch.column + 3 * patch.row) & (Material.all.count - 1)
        // Edges between patches are darker.
        let edge = smoothStep(0, 0.07, patch.second - patch.distance)
        return Material.all[index].tint(at: turned, noise: noise, pixel: pixel)
            * (0.82 + 0.18 * edge)
    }
}
