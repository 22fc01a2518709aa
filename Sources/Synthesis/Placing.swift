import Tensors

/// A creature's place, size and direction in its picture.
struct Placing {
    let facing: Side
    /// The length of the trunk as a fraction of the picture's side.
    let scale: Double
    private let turn: Vector
    private let origin: Vector
    /// The ground's direction in the picture, towards the right. In the studio it slopes as the creature does.
    let ground: Vector
    /// A place on the far edge of the studio's floor, behind the feet.
    let floorEdge: Vector

    init(
        _ figure: Figure, in setting: Setting, using generator: inout some RandomNumberGenerator
    ) {
        facing = generator.nextUniform() < 0.5 && setting == .wild ? .left : .right
        turn = Vector(degrees: generator.draw(setting == .wild ? -4...4 : -18...18))
        ground = setting == .wild ? Vector(1, 0) : turn
        let facing = self.facing
        let turn = self.turn
        let turned = figure.moved(scale: 1) { Placing.turned($0, turn, facing) }
        let bounds = turned.bounds
        let extent = bounds.high - bounds.low
        // The creature's area is random, not its box: in a box of the same size a stout kind would have
        // more area, so that the picture's colours would reveal the kind. The box stays in the picture.
        let wanted = generator.draw(0.4...0.55) / turned.area.squareRoot()
        let margin = 0.03
        scale = min(wanted, (1 - 2 * margin) / max(extent.x, extent.y))
        let free = Vector(repeating: 1 - 2 * margin) - extent * scale
        let left = margin + free.x * generator.nextUniform()
        let top = margin + free.y * generator.nextUniform()
        origin = Vector(left, top) - bounds.low * scale
        floorEdge = origin + ground.left * generator.draw(0.02...0.16)
    }

    private static func turned(_ place: Vector, _ turn: Vector, _ facing: Side) -> Vector {
        let seen = Vector(facing == .left ? -place.x : place.x, place.y)
        return turn * seen.x - turn.left * seen.y
    }

    /// Maps a place on the creature, in lengths of its trunk, to one in the picture.
    func inPicture(_ place: Vector) -> Vector {
        Placing.turned(place, turn, facing) * scale + origin
    }

    /// Maps a place in the picture to one on the creature, in lengths of its trunk.
    func onCreature(_ place: Vector) -> Vector {
        let seen = (place - origin) / scale
        let level = Vector(seen.dot(turn), -seen.dot(turn.left))
        return Vector(facing == .left ? -level.x : level.x, level.y)
    }

    /// Paints the creature's shadow: between its feet, and darker below each foot.
    func shade(_ figure: Figure, on canvas: inout Canvas) {
        let down = -ground.left
        let ends = figure.feet.map { $0.dot(ground) }
        guard let first = ends.min(), let last = ends.max() else { return }
        let mean = figure.feet.reduce(Vector.zero, +) / Double(figure.feet.count)
        let half = (last - first) / 2 + 0.22 * scale
        canvas.shade(
            around: ground * ((first + last) / 2) + down * mean.dot(down), along: ground,
            width: half,
            height: 0.085 * scale + 0.01, strength: 0.5)
        for foot in figure.feet {
            canvas.shade(
                around: foot, along: ground, width: 0.13 * scale, height: 0.04 * scale,
                strength: 0.55)
        }
    }
}
