import Tensors

/// What lies behind a creature: patches of several materials, with uneven edges. So small that each crop
/// of a picture shows others, and laid so that any few next to each other are of all materials: the
/// surroundings hardly tell one picture from another, and a network has to look at the creature.
struct Scenery {
    private let noise: Noise
    private let turn: Vector
    /// Patches to a side of the picture.
    private let patches: Double

    init(using generator: inout some RandomNumberGenerator) {
        noise = Noise(seed: generator.next())
        turn = Vector(degrees: generator.draw(0...360))
        patches = generator.draw(5...7.5)
    }

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
        // Eight in a row are all different, and so are neighbours up and down.
        let index = (patch.column + 3 * patch.row) & (Material.all.count - 1)
        // The neighbour's shade lies along the edge.
        let edge = smoothStep(0, 0.07, patch.second - patch.distance)
        return Material.all[index].tint(at: turned, noise: noise, pixel: pixel)
            * (0.82 + 0.18 * edge)
    }
}
