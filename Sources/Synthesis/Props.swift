import Tensors

/// Objects in a scenery: blades of grass, stones, sticks, balls and bushes.
struct Props {
    private enum Thing {
        case blade(Tube, Tint)
        case stone(Vector, Vector, Tint, Noise)
        case stick(Tube, Tint)
        case ball(Vector, Double, Tint, Tint, turn: Double)
        case bush([(Vector, Double)], Tint)
    }

    private var things: [(depth: Double, thing: Thing)] = []

    init(using generator: inout some RandomNumberGenerator) {
        addTufts(generator.nextIndex(below: 6), &generator)
        for _ in 0..<generator.draw(from: Array(2...7)) { addThing(&generator) }
        things.sort { $0.depth < $1.depth }
    }

    /// The colours of objects, the same in all pictures.
    private static let tints = [
        Tint(hue: 0.27, saturation: 0.4, lightness: 0.4),
        Tint(hue: 0.08, saturation: 0.35, lightness: 0.35),
        Tint(hue: 0.1, saturation: 0.08, lightness: 0.6),
        Tint(hue: 0.0, saturation: 0.5, lightness: 0.5),
        Tint(hue: 0.6, saturation: 0.4, lightness: 0.5),
        Tint(hue: 0.13, saturation: 0.55, lightness: 0.55),
    ]

    private mutating func addTufts(
        _ count: Int, _ generator: inout some RandomNumberGenerator
    ) {
        for _ in 0..<count {
            let tuft = Vector(generator.nextUniform(), generator.draw(0.02...1.05))
            for _ in 0..<12 {
                let foot = tuft + Vector(generator.draw(-0.08...0.08), generator.draw(-0.03...0.03))
                let length = generator.draw(0.03...0.09)
                let lean = generator.draw(60...120)
                let middle = foot + Vector(degrees: lean) * length * 0.6
                let tip = middle + Vector(degrees: lean * 1.5 - 45) * length * 0.5
                let width = 0.005
                let tube = Tube(
                    through: [
                        Tube.Joint(foot, width), Tube.Joint(middle, width * 0.7),
                        Tube.Joint(tip, width * 0.15),
                    ], steps: 2)
                things.append((foot.y, .blade(tube, Self.tints[0] * generator.draw(0.7...1.3))))
            }
        }
    }

    private mutating func addThing(_ generator: inout some RandomNumberGenerator) {
        let foot = Vector(generator.nextUniform(), generator.nextUniform())
        let size = generator.draw(0.035...0.11)
        let tint = generator.draw(from: Self.tints)
        let thing: Thing
        switch generator.nextIndex(below: 4) {
        case 0:
            thing = .stone(
                foot, Vector(size, size * generator.draw(0.5...0.9)),
                tint.mixed(with: Tint(repeating: 0.5), 0.5),
                Noise(seed: generator.next()))
        case 1:
            let along = Vector(degrees: generator.draw(-35...35)) * size * generator.draw(1.2...2.4)
            let bend = along.left * generator.draw(-0.2...0.2)
            thing = .stick(
                Tube(
                    through: [
                        Tube.Joint(foot - along, size * 0.13),
                        Tube.Joint(foot + bend, size * 0.16), Tube.Joint(foot + along, size * 0.09),
                    ]), tint * 0.8)
        case 2:
            thing = .ball(
                foot, size * 0.75, tint, generator.draw(from: Self.tints),
                turn: generator.draw(0...180))
        default:
            thing = .bush(
                (0..<6).map { _ in
                    (
                        foot + Vector(generator.draw(-1...1), generator.draw(-1.1...0.1)) * size,
                        size * generator.draw(0.4...0.75)
                    )
                }, tint)
        }
        things.append((foot.y, thing))
    }

    func paint(on canvas: inout Canvas, light: Light) {
        let pixel = canvas.pixel
        for (_, thing) in things {
            switch thing {
            case .blade(let tube, let tint), .stick(let tube, let tint):
                paint(tube, tint, light, on: &canvas)
            case .stone(let foot, let radii, let tint, let noise):
                canvas.shade(
                    around: foot + Vector(0, radii.y * 0.75), width: radii.x, height: radii.y * 0.4,
                    strength: 0.5)
                paintRound(foot, radii, on: &canvas) { offset, edge in
                    let bump = noise.octaves(3, at: offset * 2.2, pixel: pixel / radii.x)
                    return (
                        tint * (0.75 + 0.5 * bump) * light.on(offset), edge + 0.22 * (bump - 0.5)
                    )
                }
            case .ball(let centre, let radius, let tint, let stripe, let turn):
                canvas.shade(
                    around: centre + Vector(0, radius * 0.9), width: radius, height: radius * 0.35,
                    strength: 0.5)
                let across = Vector(degrees: turn)
                let soft = canvas.pixel / radius
                paintRound(centre, Vector(repeating: radius), on: &canvas) { offset, edge in
                    let band = 1 - smoothStep(0.22 - soft, 0.22 + soft, abs(offset.dot(across)))
                    let shine = 1 - smoothStep(0.1, 0.3, (offset - Vector(-0.3, -0.4)).length)
                    let lit = tint.mixed(with: stripe, band) * light.on(offset)
                    return (lit.mixed(with: Tint(repeating: 1), 0.45 * shine), edge)
                }
            case .bush(let leaves, let tint):
                for (index, leaf) in leaves.enumerated() {
                    paintRound(leaf.0, Vector(repeating: leaf.1), on: &canvas) { offset, edge in
                        (tint * (0.8 + 0.04 * Double(index)) * light.on(offset), edge)
                    }
                }
            }
        }
    }

    private func paint(_ tube: Tube, _ tint: Tint, _ light: Light, on canvas: inout Canvas) {
        let least = canvas.pixel * 0.35
        let tube = tube.moved(scale: 1, least: least) { $0 }
        let size = Double(canvas.size)
        let bounds = tube.bounds
        canvas.paint(from: bounds.low, to: bounds.high) { place, _, _ in
            let position = tube.position(of: place)
            return (tint * light.on(position.offset), coverage(at: position.distance, size: size))
        }
    }

    /// Paints an ellipse. `tint` receives the place and the signed distance to the edge, both in radii, and
    /// returns the colour and the distance, which it may change.
    private func paintRound(
        _ centre: Vector, _ radii: Vector, on canvas: inout Canvas,
        _ tint: (_ offset: Vector, _ edge: Double) -> (Tint, Double)
    ) {
        let size = Double(canvas.size)
        let reach = radii * 1.15
        let mean = (radii.x + radii.y) / 2
        canvas.paint(from: centre - reach, to: centre + reach) { place, _, _ in
            let offset = (place - centre) / radii
            let (tint, edge) = tint(offset, offset.length - 1)
            return (tint, coverage(at: edge * mean, size: size))
        }
    }
}
