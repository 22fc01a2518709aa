import Tensors

/// The background of a creature: patches of several materials with uneven edges. Patches are so small that
/// each crop of a picture shows different ones, and are laid out so that adjacent patches include all
/// materials: the background hardly distinguishes pictures, so that a network has to learn the creature.
struct Scenery {
    private let noise: Noise
    private let turn: Vector
    /// Patches per side of the picture.
    private let patches: Double

    init(using generator: inout some RandomNumberGenerator) {
        noise = Noise(seed: generator.next())
        turn = Vector(degrees: generator.draw(0...360))
        patches = generator.draw(5...7.5)
    }

    /// Paints the background.
    func canvas(size: Int) -> Canvas {
        let pixel = 1 / Double(size)
        return Canvas(size: size) { tint(at: $0, pixel: pixel) }
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
